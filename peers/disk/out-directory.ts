/**
 * OUT: a peer's results, for people: the model and the files that verify it. Nothing in it is secret: the files that a
 * peer keeps to itself are in its data directory (peers/disk/data-directory.ts).
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { decodeSignedPlan } from '../../protocols/plan/plan.ts'
import { equalBytes, id8 } from '../../protocols/wire/encoding.ts'
import { OutputError } from '../../src/base/errors.ts'
import { removeBegun } from '../../src/files/durable-file.ts'
import { PLAN_FILE } from '../kept/federation.ts'
import { assertFree, claimDirectory, removeEmpty } from './free-directory.ts'
import { makeDirectory } from './make-directory.ts'

/**
 * The path of OUT, or the parent in which it gets the name PARENT/ID8 (ID8-2, ... if that is taken). `kept`: the id of
 * the plan of a federation; an earlier run of it may have left results there.
 */
export type OutPlace = { out: string; kept?: Uint8Array } | { parent: string }

/** The results of a peer. They are whole where they have this name, and a crash leaves them under another one. */
const RESULTS = /^(model|contributions|certificates|plan\.cbor|report\.json|report\.html)(\.[0-9]*\.?part)?$/

/** An open OUT. Disposing of it removes the directories that it made, if they are empty. */
export class OutDirectory implements AsyncDisposable {
  private readonly place: OutPlace
  /** The directories that were made: from `path` upwards to `outermost`. */
  private readonly made: Array<[path: string, outermost: string]> = []
  private settled: Promise<string> | null = null

  private constructor(place: OutPlace) {
    this.place = place
  }

  /**
   * Opens OUT, and makes it if its name is known.
   * @throws {OutputError} as assertOutFree does
   */
  static async open(place: OutPlace): Promise<OutDirectory> {
    const directory = new OutDirectory(place)
    try {
      await assertOutFree(place)
      if ('out' in place) await directory.make(place.out)
      if ('out' in place && place.kept) await removeBegun(place.out)
    } catch (error) {
      await directory[Symbol.asyncDispose]()
      throw error
    }
    return directory
  }

  /** The path of OUT, after the federation has a name. @throws {OutputError} OUTPUT_UNWRITABLE */
  settle(planId: Uint8Array): Promise<string> {
    this.settled ??= this.settleOnce(planId)
    return this.settled
  }

  private async settleOnce(planId: Uint8Array): Promise<string> {
    const { place } = this
    if ('out' in place) return place.out
    await this.make(place.parent)
    const out = await claimDirectory(place.parent, id8(planId))
    this.made.push([out, out])
    return out
  }

  private async make(path: string): Promise<void> {
    const outermost = await makeDirectory(path)
    if (outermost !== undefined) this.made.push([path, outermost])
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [path, outermost] of this.made.reverse()) await removeEmpty(path, outermost)
  }
}

/**
 * Checks that OUT, if its name is known, is absent or empty, or holds results of the federation that kept it.
 * @throws {OutputError} OUTPUT_NOT_EMPTY, OUTPUT_OTHER_FEDERATION, OUTPUT_UNWRITABLE
 */
export async function assertOutFree(place: OutPlace): Promise<void> {
  if (!('out' in place)) return
  const { kept, out } = place
  if (kept === undefined) return await assertFree(out)
  await assertFree(out, RESULTS)
  const found = await planIn(out)
  if (found === null || equalBytes(found, kept)) return
  throw new OutputError({
    code: 'OUTPUT_OTHER_FEDERATION',
    what: `${out} holds the results of federation ${id8(found)}, and federation ${id8(kept)} would replace them`,
    hint: 'Move them to another directory, and give the same command again: results never mix.',
  })
}

/** The id of the plan among these results; null where there is none that can be read. */
async function planIn(out: string): Promise<Uint8Array | null> {
  try {
    return decodeSignedPlan(new Uint8Array(await readFile(join(out, PLAN_FILE)))).plan.id
  } catch {
    return null
  }
}
