import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { apartFrom, leftInWords } from '../../../scripts/common/companions.ts'

describe('files of a model that do not come along', () => {
  it('are named by reason, the first eight of each', () => {
    const graphs = Array.from({ length: 11 }, (_, k) => ({ name: `model_${k}.onnx`, why: 'model' as const }))
    assert.equal(
      leftInWords([{ name: '.git', why: 'dot' }, ...graphs, { name: 'pipe', why: 'special' }]),
      `Not copied: ${graphs
        .slice(0, 8)
        .map(({ name }) => name)
        .join(', ')} and 3 more (weights and other graphs); .git (dot files); pipe (no regular files).`,
    )
  })

  it('are all texts of a command, its output and its data', () => {
    assert.deepEqual(apartFrom({ texts: ['a'], out: null }), ['a', 'coppice-out'])
    assert.deepEqual(
      apartFrom({
        ...{ texts: ['a'], evaluation: { files: ['b'] }, recoveryText: { texts: ['c'] } },
        ...{ instructions: 'd', data: 'e', out: 'f' },
      }),
      ['a', 'b', 'c', 'd', 'e', 'f'],
    )
    assert.deepEqual(apartFrom({ texts: [], instructions: null, data: null, out: 'f' }), ['f'])
  })
})
