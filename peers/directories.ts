/**
 * Where a peer keeps things. DATA is its own: key, lock, journal, blobs, scratch. OUT is for people: the model and
 * what verifies it. Where only the parent of OUT is given, the federation's name becomes part of it once there is one.
 */
import { randomUUID } from 'node:crypto'
import { rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { id8 } from '../protocols/encoding.ts'
import { unwritable } from '../src/system-errors.ts'
import { makeDirectory } from './files.ts'
import { assertFree, claimDirectory, removeEmpty } from './free-directory.ts'

/**
 * OUT, or the parent under which it becomes PARENT/ID8 (ID8-2, ... where that is taken). DATA may be anywhere; under a
 * parent it is OUT/data where nothing is said.
 */
export type Place = { data: string; out: string } | { parent: string; data?: string }

export interface Directories {
  data: string
  out: string
}

/** The default place of DATA in OUT: it does not count as what makes OUT non-empty. */
export const DATA_NAME = 'data'

/**
 * The directories of one peer. Disposing of them takes back what was made and holds nothing: empty directories, and
 * the data of a peer that came to no federation, unless its place had been named.
 */
export class PeerDirectories implements AsyncDisposable {
  private readonly place: Place
  private current: string
  /** What goes when the peer ends, as far as it is empty: from the first upwards to the second. */
  private readonly made: Array<[path: string, outermost: string]> = []
  /** DATA is nobody's wish and has no name yet. */
  private nameless: boolean

  private constructor(place: Place) {
    this.place = place
    this.nameless = place.data === undefined
    this.current = 'out' in place ? place.data : (place.data ?? join(place.parent, `.new-${randomUUID()}`))
  }

  /**
   * Makes the data directory; OUT is not yet made where its name is not known.
   * @throws {OutputError} OUT holds something, or either cannot be written
   */
  static async open(place: Place): Promise<PeerDirectories> {
    const directories = new PeerDirectories(place)
    try {
      await assertPlace(place)
      if ('out' in place) await directories.make(place.out)
      await directories.make(directories.current)
    } catch (error) {
      await directories[Symbol.asyncDispose]()
      throw error
    }
    return directories
  }

  /** Where DATA is now. */
  get data(): string {
    return this.current
  }

  /**
   * Once the federation has a name. Nothing may be open in the data directory: it may be moved.
   * @throws {OutputError} OUT cannot be written
   */
  async settle(planId: Uint8Array): Promise<Directories> {
    const { current, place } = this
    if ('out' in place) return { data: current, out: place.out }
    await this.make(place.parent)
    const out = await claimDirectory(place.parent, id8(planId))
    this.made.push([out, out])
    if (this.nameless) {
      const data = join(out, DATA_NAME)
      try {
        await rename(current, data)
      } catch (error) {
        throw unwritable(data, error)
      }
      this.current = data
      this.nameless = false
    }
    return { data: this.current, out }
  }

  private async make(path: string): Promise<void> {
    const outermost = await makeDirectory(path)
    if (outermost !== undefined) this.made.push([path, outermost])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.nameless) await rm(this.current, { recursive: true, force: true })
    for (const [path, outermost] of this.made.reverse()) await removeEmpty(path, outermost)
  }
}

/** OUT, where its name is known, may hold nothing but the data directory. @throws {OutputError} it does */
export async function assertPlace(place: Place): Promise<void> {
  if (!('out' in place)) return
  const inside = resolve(dirname(place.data)) === resolve(place.out)
  await assertFree(place.out, ...(inside ? [basename(place.data)] : []))
}
