/**
 * OUT: a peer's results, for people: the model and what verifies it. Nothing in it is secret: what a peer keeps to
 * itself lies in its data directory (peers/disk/data-directory.ts).
 */
import { id8 } from '../../protocols/wire/encoding.ts'
import { makeDirectory } from './files.ts'
import { assertFree, claimDirectory, removeEmpty } from './free-directory.ts'

/** OUT itself, or the parent under which it becomes PARENT/ID8 (ID8-2, ... where that is taken). */
export type OutPlace = { out: string } | { parent: string }

/** Disposing of it removes the empty directories that it made. */
export class OutDirectory implements AsyncDisposable {
  private readonly place: OutPlace
  /** From the first upwards to the second, as far as they are empty. */
  private readonly made: Array<[path: string, outermost: string]> = []

  private constructor(place: OutPlace) {
    this.place = place
  }

  /**
   * Makes OUT where its name is known.
   * @throws {OutputError} OUT holds something, or cannot be written
   */
  static async open(place: OutPlace): Promise<OutDirectory> {
    const directory = new OutDirectory(place)
    try {
      await assertOutFree(place)
      if ('out' in place) await directory.make(place.out)
    } catch (error) {
      await directory[Symbol.asyncDispose]()
      throw error
    }
    return directory
  }

  /** OUT, once the federation has a name. @throws {OutputError} it cannot be written */
  async settle(planId: Uint8Array): Promise<string> {
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

/** OUT, where its name is known, holds nothing. @throws {OutputError} OUTPUT_NOT_EMPTY, OUTPUT_UNWRITABLE */
export async function assertOutFree(place: OutPlace): Promise<void> {
  if ('out' in place) await assertFree(place.out)
}
