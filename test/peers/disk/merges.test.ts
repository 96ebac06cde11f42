import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Merges } from '../../../peers/disk/merges.ts'
import { BlobStore } from '../../../peers/disk/store.ts'
import type { ManifestEntry } from '../../../protocols/round/messages/value.ts'
import { MatrixWork } from '../../support/matrices.ts'
import { temporaryDirectory } from '../../support/nodes.ts'

const NEVER = new AbortController().signal

/** The merge of block 0 from the contributions of these texts, one a member. */
async function rootOf(context: TestContext, texts: readonly number[]): Promise<string> {
  const directory = await temporaryDirectory(context)
  const store = await BlobStore.open(join(directory, 'blobs'))
  const entries: ManifestEntry[] = []
  for (const [member, text] of texts.entries()) {
    const onBlock = async (block: number, file: string) => {
      entries.push({ member, block, round: 1, root: await store.adopt(file) })
    }
    await new MatrixWork(1, text).prune({ slots: [0], merged: new Map(), signal: NEVER, onBlock })
  }
  const merges = await Merges.open(join(directory, 'merges'), new MatrixWork(1, 0), store)
  return (await merges.merge('all', entries, null, NEVER)).root
}

test('each member counts, also those that offer the same bytes', async (context) => {
  const [once, twice, swapped] = await Promise.all(
    [
      [1, 2],
      [1, 1, 2],
      [2, 1, 1],
    ].map((texts) => rootOf(context, texts)),
  )
  assert.notEqual(twice, once)
  assert.equal(swapped, twice)
})
