import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, describe, it } from 'node:test'
import { PRUNERS, payloadOf } from '../../../../src/form/method.ts'
import type { PrunedBlockReport } from '../../../../src/jobs/job.ts'
import { openEngine } from '../../../../src/jobs/open-engine.ts'
import { decodeContribution } from '../../../../src/merge/masks/contribution.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { pruneArgs } from '../pruning.ts'

describe('a prune of the first block on two texts', () => {
  const engine = openEngine()
  after(() => engine.close())
  const description = engine.run('describe', { dir: pruneArgs('', 1).dir })

  async function pruned(out: string, changes: Partial<ReturnType<typeof pruneArgs>>): Promise<Buffer> {
    const reports: PrunedBlockReport[] = []
    const args = { ...pruneArgs(out, 1), blocks: [0], resume: null, ...changes }
    await engine.run('prune', args, { onEvent: (event) => event.type === 'block' && reports.push(event.report) })
    return readFileSync(reports[0].path)
  }

  const texts = [3, 5].map((step) => ({
    ids: Int32Array.from({ length: 128 }, (_, i) => (i * step) % 100),
    count: 2,
    length: 64,
  }))

  for (const pruner of PRUNERS) {
    it(`offers the same about the first input by ${pruner}, and different things about the others`, async (context) => {
      const out = await temporaryDirectory(context)
      const form = (await description).forms[0]
      const offered = []
      for (const windows of texts) {
        const bytes = await pruned(out, { windows, pruner, as: 'contribution' })
        offered.push(decodeContribution(form, payloadOf(pruner), bytes))
      }
      const [one, other] = offered
      for (const [input, squares] of one.inputs.entries()) {
        if (input === 0) assert.deepEqual(squares, other.inputs[input])
        else assert.notDeepEqual(squares, other.inputs[input])
      }
      if (one.layers === undefined || other.layers === undefined) return
      for (const [role, { input }] of form.layers.entries()) {
        if (input === 0) assert.deepEqual(one.layers[role], other.layers[role])
        else assert.notDeepEqual(one.layers[role], other.layers[role])
      }
    })
  }

  it('calibrates all inputs on the text where nothing is offered', async (context) => {
    const out = await temporaryDirectory(context)
    const blocks = []
    for (const windows of texts) blocks.push(await pruned(out, { windows }))
    const { rows, cols } = (await description).forms[0].layers[0]
    const [one, other] = blocks.map((bytes) => bytes.subarray(0, 4 * rows * cols))
    assert.notDeepEqual(one, other)
  })
})
