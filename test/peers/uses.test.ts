import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Merges } from '../../peers/disk/merges.ts'
import { BlobStore } from '../../peers/disk/store.ts'
import { Measuring } from '../../peers/round/measuring.ts'
import type { MergeJob } from '../../peers/work/work.ts'
import type { ManifestEntry } from '../../protocols/round/messages/value.ts'
import { MatrixWork } from '../support/matrices.ts'
import { temporaryDirectory } from '../support/nodes.ts'

const MANIFEST = 'all'
const NEVER = new AbortController().signal

/** Work during which the round ends, as others may end it: nothing is retained of it. */
class Overtaken extends MatrixWork {
  /** Ends the round. */
  end = async () => {}

  override async perplexity(merged: ReadonlyMap<number, string>): Promise<number> {
    await this.end()
    return super.perplexity(merged)
  }

  override async merge(job: MergeJob) {
    await this.end()
    return super.merge(job)
  }
}

test('a merge that is made and measured while others end its round finds all its files, and leaves none', async (context) => {
  const directory = await temporaryDirectory(context)
  const work = new Overtaken(1, 0)
  const store = await BlobStore.open(join(directory, 'blobs'))
  const merges = await Merges.open(join(directory, 'merges'), work, store)
  const roots: string[] = []
  const onBlock = async (_: number, file: string) => void roots.push(await store.adopt(file))
  await work.prune({ slots: [0], merged: new Map(), signal: NEVER, onBlock })
  const own: ManifestEntry[] = roots.map((root) => ({ member: 0, block: 0, round: 1, root }))
  await merges.merge(MANIFEST, own, null, NEVER)
  const [file] = merges.files(MANIFEST).values()
  work.end = async () => {
    await merges.retain(new Set())
    await store.retain(new Set())
  }
  const measured = await new Measuring({ merges, work }, NEVER).measure({ type: 'measure', manifest: MANIFEST, own })
  assert.deepEqual(measured, { type: 'measured', manifest: MANIFEST, harm: 1 })
  assert.throws(() => merges.get(MANIFEST), RangeError)
  for (const gone of [file, join(directory, 'blobs', roots[0])]) assert.ok(!existsSync(gone), gone)
})
