import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { before, describe, it } from 'node:test'
import { placesToRemove } from '../../../../src/form/units.ts'
import type { Windows } from '../../../../src/form/windows.ts'
import { LossGradients, type WeightGradients } from '../../../../src/model/backward/gradients.ts'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { elementCount, readFloats } from '../../../../src/onnx/tensor.ts'
import {
  type ChannelsJob,
  channelScores,
  channelsToRemove,
  chooseChannels,
} from '../../../../src/structure/choose/choose-channels.ts'
import { type Width, type WidthMember, widthOf } from '../../../../src/structure/choose/width.ts'
import { fixturePath } from '../../../support/shared.ts'

const recorded = JSON.parse(readFileSync(fixturePath('gradients/stories260k.json'), 'utf8')) as {
  length: number
  ids: number[]
}
/** The results of PyTorch in float64, for these very windows: scores and `removed` for "importance reduction". */
const expected = JSON.parse(readFileSync(fixturePath('channels/stories260k.json'), 'utf8')) as {
  ratio: number
  removed: Record<string, number[]>
  scores: number[]
}
const windows: Windows = {
  ids: Int32Array.from(recorded.ids),
  count: recorded.ids.length / recorded.length,
  length: recorded.length,
}
const JOB: ChannelsJob = { importance: 'taylor1', reduction: 'sum', windows, perBatch: 3 }
const HIDDEN = 64
const QUARTER = HIDDEN / 4

describe('hidden channels that are removed', () => {
  let decoder: Decoder
  let width: Width
  before(async () => {
    decoder = Decoder.open(fixturePath('stories260k'), { threads: 1 })
    width = await widthOf(decoder)
  })

  for (const [which, removed] of Object.entries(expected.removed)) {
    it(`are those that PyTorch removes: ${which}`, async () => {
      const count = channelsToRemove(decoder, width, { gone: 1e6 * expected.ratio })
      const [importance, reduction] = which.split(' ') as [ChannelsJob['importance'], ChannelsJob['reduction']]
      assert.deepEqual(await chooseChannels(decoder, width, count, { ...JOB, importance, reduction }), removed)
    })
  }

  it('have the scores that PyTorch gives, however many windows pass together', async () => {
    for (const perBatch of [1, 4]) {
      const scores = await channelScores(decoder, width, { ...JOB, perBatch })
      for (const [channel, score] of expected.scores.entries())
        assert.ok(Math.abs(scores[channel] / score - 1) < 1e-4, `${channel}: ${scores[channel]}, ${score}`)
    }
  })

  it('are drawn from the seed if importance is random', async () => {
    const [one, same, other] = await Promise.all(
      [0, 0, 1].map((seed) => chooseChannels(decoder, width, QUARTER, { ...JOB, importance: 'random', seed })),
    )
    assert.deepEqual(one, same)
    assert.notDeepEqual(one, other)
    assert.equal(one.length, QUARTER)
  })

  it('are none where the ratio would leave none', async () => {
    assert.equal(channelsToRemove(decoder, width, { gone: 990_000 }), 0)
    assert.deepEqual(await chooseChannels(decoder, width, 0, JOB), [])
  })

  it("are as many as LLM-Pruner's: of LLaMA-7B 3276 and 2048 stay, as many parameters as its authors report", () => {
    const [vocabulary, blocks, feedForward, heads] = [32_000, 32, 11_008, 4096]
    for (const [ppm, left, parameters] of [
      [0, 4096, 6_738_415_616],
      [200_000, 3276, 5_389_416_396],
      [500_000, 2048, 3_369_207_808],
    ]) {
      assert.equal(4096 - placesToRemove(4096, ppm), left)
      // Everything but heads and feed-forward channels has the width: layers, two norms a block and one behind them.
      assert.equal(left * (2 * vocabulary + blocks * (4 * heads + 3 * feedForward + 2) + 1), parameters)
    }
  })

  it('take their share of every tensor but constants: so the same formula holds here', () => {
    const numbers = width.members.reduce(
      (sum, { tensor, axis }) => sum + elementCount(tensor.dims) / tensor.dims[axis],
      0,
    )
    assert.equal(numbers, 512 + 5 * (2 * 64 + 2 * 32 + 3 * 172 + 2) + 1)
    assert.equal(numbers * HIDDEN, decoder.parameters)
  })

  // LLM-Pruner's salience w g: scaling a norm's channel and what reads it against each other changes nothing.
  it('have the same members in a norm as in its readers, the head included', async () => {
    const salience = async () => {
      const found = new Map<number | 'head' | 'embedding', (name: string) => Float64Array>()
      const byName = new Map(width.members.map((member) => [member.tensor.name, member]))
      await new LossGradients(decoder).run({
        ...{ windows, perBatch: 3, of: 'all' },
        onPart: (part, gradients) => found.set(part, (name) => sums(byName.get(name), gradients)),
      })
      return found
    }
    const parts = await salience()
    const total = (part: number | 'head', names: readonly string[]) =>
      names.map((name) => parts.get(part)?.(name) ?? new Float64Array()).reduce((a, b) => a.map((x, i) => x + b[i]))
    const norm = (name: string) => `model.${name}.weight`
    for (let block = 0; block < decoder.blocks; block++) {
      const [q, k, v, , gate, up] = decoder.cut.blocks[block].layers.map(({ weight }) => weight.name)
      close(total(block, [norm(`layers.${block}.input_layernorm`)]), total(block, [q, k, v]))
      close(total(block, [norm(`layers.${block}.post_attention_layernorm`)]), total(block, [gate, up]))
    }
    close(total('head', [norm('norm')]), total('head', ['model.embed_tokens.weight']))
  })
})

/** The sum of w g over a tensor, for each channel. */
function sums(member: WidthMember | undefined, gradients: WeightGradients): Float64Array {
  const gradient = member && gradients.get(member.tensor.name)
  assert.ok(member && gradient)
  const { tensor, axis, channels } = member
  const found = new Float64Array(HIDDEN)
  const inner = elementCount(tensor.dims.slice(axis + 1))
  for (const [i, w] of readFloats(tensor).entries())
    found[channels[Math.floor(i / inner) % tensor.dims[axis]]] += w * gradient[i]
  return found
}

function close(a: Float64Array, b: Float64Array): void {
  const largest = Math.max(...a.map(Math.abs))
  assert.ok(largest > 0 && a.length === HIDDEN)
  for (const [i, x] of a.entries()) assert.ok(Math.abs(x - b[i]) < 1e-4 * largest, `channel ${i}: ${x}, ${b[i]}`)
}
