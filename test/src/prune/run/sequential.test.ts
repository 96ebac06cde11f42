import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { storeBlock } from '../../../../src/files/block-store.ts'
import { PRUNERS } from '../../../../src/form/method.ts'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { Checkpoint } from '../../../../src/prune/run/checkpoint.ts'
import { fingerprintOf } from '../../../../src/prune/run/fingerprint.ts'
import { type PrunedBlock, pruneSequential, type SequentialJob } from '../../../../src/prune/run/sequential.ts'
import { Solvers } from '../../../../src/prune/run/solvers.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath } from '../../../support/shared.ts'

const MODEL = fixturePath('stories260k')
const TARGET = { kind: 'unstructured', ppm: 500_000 } as const
/** The second is passed as it is. */
const BLOCKS = [0, 2, 4]

for (const pruner of PRUNERS) {
  test(`a prune by ${pruner} continues from a checkpoint to the same bits, in any number of pieces`, async (context) => {
    const dir = await temporaryDirectory(context)
    const ids = Int32Array.from({ length: 20 * 64 }, (_, i) => (i * 7) % 500)
    const windows = pruner === 'magnitude' ? undefined : { ids, count: 20, length: 64 }
    await using solvers = await Solvers.create(1)
    const fingerprint = fingerprintOf({
      ...{ modelName: 'stories', modelHash: new Uint8Array(32), windows, pruner, target: TARGET },
      ...{ blocks: BLOCKS, as: 'stored', weights: [] },
    })

    /** Each piece has its own decoder, as a process of its own would. */
    async function piece(job: Partial<SequentialJob>): Promise<PrunedBlock[]> {
      const decoder = Decoder.open(MODEL)
      context.after(() => decoder.close())
      const pruned: PrunedBlock[] = []
      const onBlock = (block: PrunedBlock) => void pruned.push(block)
      await pruneSequential(decoder, solvers, { pruner, target: TARGET, blocks: BLOCKS, windows, onBlock, ...job })
      return pruned
    }

    const whole = await piece({})
    assert.deepEqual(
      whole.map(({ block }) => block),
      BLOCKS,
    )
    const pruned: PrunedBlock[] = []
    for (let left = BLOCKS.length; left >= 0; left--) {
      const checkpoint = Checkpoint.open(join(dir, 'blocks'), fingerprint, 'refuse')
      assert.deepEqual(
        checkpoint.finished.map(({ block }) => block),
        BLOCKS.slice(0, BLOCKS.length - left),
      )
      const stop = new AbortController()
      const running = piece({
        from: checkpoint,
        signal: stop.signal,
        onBlock: (block) => void pruned.push(block),
        async onFinished(block, stream, seconds) {
          const weights = pruned.at(-1)?.layers.map(({ weight }) => weight) ?? []
          const file = await storeBlock(join(dir, 'blocks'), block, weights)
          await checkpoint.finish({ block, file, damping: [], error: [] }, stream, seconds)
          stop.abort(new Error('a block a day'))
        },
      })
      if (left > 1) await assert.rejects(running, /a block a day/)
      else await running
    }
    assert.deepEqual(pruned, whole)
  })
}
