/**
 * Where a peer keeps things. DATA is its own: key, lock, journal, blobs, scratch. OUT is for people: the model and
 * what verifies it. Where only their parent is given, the name of the federation becomes part of both once it has one.
 */
import { mkdir, mkdtemp, readdir, rename } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { id8 } from '../protocols/encoding.ts'
import { OutputError } from '../src/errors.ts'
import { makeDirectory, systemCode, unwritable } from './files.ts'

/** Given both, or the parent under which OUT is PARENT/ID8 and DATA is OUT/data. */
export type Place = { data: string; out: string } | { parent: string }

export interface Directories {
  data: string
  out: string
}

/** The default place of DATA in OUT: it does not count as what makes OUT non-empty. */
export const DATA_NAME = 'data'

/**
 * Makes the data directory; OUT is looked at and not yet made where its name is not known.
 * @throws {OutputError} OUT holds something, or either cannot be written
 */
export async function openDirectories(place: Place): Promise<{ data: string }> {
  if ('parent' in place) {
    await makeDirectory(place.parent)
    try {
      return { data: await mkdtemp(join(place.parent, '.new-')) }
    } catch (error) {
      throw unwritable(place.parent, error)
    }
  }
  await claimOutput(place)
  await makeDirectory(place.data)
  return { data: place.data }
}

/**
 * Once the federation has a name. Nothing may be open in the data directory: it may be moved.
 * @throws {OutputError} as openDirectories
 */
export async function settleDirectories(place: Place, data: string, planId: Uint8Array): Promise<Directories> {
  if (!('parent' in place)) return { data: place.data, out: place.out }
  const out = join(place.parent, id8(planId))
  const settled = { out, data: join(out, DATA_NAME) }
  await claimOutput(settled)
  try {
    await rename(data, settled.data)
  } catch (error) {
    throw unwritable(settled.data, error)
  }
  return settled
}

/** Makes OUT, which may hold nothing but the data directory. */
async function claimOutput({ data, out }: Directories): Promise<void> {
  const own = resolve(dirname(data)) === resolve(out) ? basename(data) : null
  let names: string[]
  try {
    await mkdir(out, { recursive: true })
    names = await readdir(out)
  } catch (error) {
    if (systemCode(error) === 'EEXIST' || systemCode(error) === 'ENOTDIR') throw occupied(out)
    throw unwritable(out, error)
  }
  if (names.some((name) => name !== own)) throw occupied(out)
}

function occupied(out: string): OutputError {
  return new OutputError({
    code: 'OUTPUT_NOT_EMPTY',
    what: `${out} is not an empty directory`,
    hint: 'Choose another with --out, or remove what is in it.',
  })
}
