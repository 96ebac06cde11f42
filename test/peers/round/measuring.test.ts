import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Measuring } from '../../../peers/round/measuring.ts'
import { manifestKey } from '../../../protocols/round/messages/value.ts'

const BLOCKS = 3
const MANIFEST = 'ab'.repeat(32)
/** This site's contributions: to block 1, and adapters to it in a slot of their own. */
const OWN = [1, BLOCKS + 1].map((block) => ({ member: 0, block, round: 1, root: 'cd'.repeat(32) }))

/** The harm, and what was measured, by the files of the merged blocks. */
async function measured(perplexities: Record<string, number>) {
  const asked: string[] = []
  const merges = {
    merge: async (key: string) => {
      const file = key === manifestKey(null, OWN) ? 'alone-1' : 'another'
      const blocks = new Map([[1, { key, file, root: new Uint8Array(), bits: 0, zeros: 0, doubt: null }]])
      return { root: MANIFEST, moved: 0, bits: 0, zeros: 0, doubt: null, blocks }
    },
    files: () => new Map([0, 1, 2].map((block) => [block, `together-${block}`])),
    using: <T>(_: readonly string[], task: () => Promise<T>) => task(),
  }
  const work = {
    alone: () => null,
    blocks: BLOCKS,
    async perplexity(files: ReadonlyMap<number, string>) {
      const all = [...files].join()
      asked.push(all)
      return perplexities[all] ?? Number.NaN
    },
  }
  const measuring = new Measuring({ merges, work }, new AbortController().signal)
  const first = await measuring.measure({ type: 'measure', manifest: MANIFEST, own: OWN })
  await measuring.measure({ type: 'measure', manifest: MANIFEST, own: OWN })
  return { harm: first.type === 'measured' ? first.harm : null, asked }
}

test('harm is the perplexity of the merge over that of own contributions, in the blocks that have these', async () => {
  const { harm, asked } = await measured({ '1,alone-1': 20, '1,together-1': 30 })
  assert.equal(harm, 1.5)
  assert.deepEqual(asked, ['1,alone-1', '1,together-1', '1,together-1'], 'its own are measured once')
})

test('a merge without numbers harms without limit, and own contributions without numbers compare with nothing', async () => {
  const infinite = Number.POSITIVE_INFINITY
  assert.equal((await measured({ '1,alone-1': 20, '1,together-1': infinite })).harm, infinite)
  assert.equal((await measured({ '1,alone-1': infinite, '1,together-1': 30 })).harm, 1)
})
