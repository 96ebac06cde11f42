/** The attacks of `npm run bench -- leak` find what they should: a table in which they find little says something. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { Attacker } from '../../../scripts/bench/support/attack/attacker.ts'
import { kernelOf, scored, solveCounts } from '../../../scripts/bench/support/attack/count-attack.ts'
import { dictionaryOf } from '../../../scripts/bench/support/attack/dictionary.ts'
import { gramFromWeights } from '../../../scripts/bench/support/attack/gram-from-weights.ts'
import { pairsOf } from '../../../scripts/bench/support/attack/pairs.ts'
import { Decoder } from '../../../src/model/forward/decoder.ts'
import { Stream } from '../../../src/model/forward/stream.ts'
import { observeVocabulary } from '../../../src/model/forward/vocabulary.ts'
import { pruneSequential } from '../../../src/prune/run/sequential.ts'
import { Solvers } from '../../../src/prune/run/solvers.ts'
import { OnnxAlgebra } from '../../../src/runtime/onnx-algebra.ts'
import { fixturePath } from '../../support/shared.ts'

const IDS = Int32Array.from({ length: 512 }, (_, id) => id)
/** Tokens with which the model was trained: the vectors of others are almost alike. */
const WINDOWS = { ids: Int32Array.from({ length: 512 }, (_, i) => 260 + ((i * i * 7) % 250)), count: 4, length: 128 }
const SWEEPS = 1000

describe('an attack', () => {
  const decoder = Decoder.open(fixturePath('stories260k'), { threads: 1 })
  after(() => decoder.close())
  const counts = new Float64Array(IDS.length)
  for (const id of WINDOWS.ids) counts[id]++

  it('finds the counts of tokens in the Gram matrix of the first input, unless it is one of the vocabulary', async () => {
    const linear = await OnnxAlgebra.create({ threads: 1 })
    const kernel = await kernelOf(linear, (await dictionaryOf(decoder, IDS))[0][0], 'gram')
    const stream = await Stream.start(decoder, WINDOWS)
    const [{ gram: ofText }] = await stream.observe(0, 'gram')
    const [offered] = await observeVocabulary(decoder, { ids: IDS, window: 128 }, 'gram')
    const [found, none] = await Promise.all(
      [ofText, offered?.gram].map(async (gram) =>
        scored(await solveCounts(linear, kernel, gram ?? new Float32Array(), SWEEPS), counts),
      ),
    )
    await linear.dispose()
    assert.ok(found.exact >= 0.9 * found.all && found.correlation > 0.95, JSON.stringify(found))
    assert.ok(Math.abs(none.correlation) < 0.3, JSON.stringify(none))
  })

  it('finds them in the products alone as well, and then the diagonal that was not opened', async () => {
    const linear = await OnnxAlgebra.create({ threads: 1 })
    const attacker = new Attacker(linear, (await dictionaryOf(decoder, IDS))[0][0])
    const [{ gram = new Float32Array(), sumSquares }] = await (await Stream.start(decoder, WINDOWS)).observe(0, 'gram')
    const cols = sumSquares.length
    const products = gram.map((value, at) => (at % (cols + 1) === 0 ? 0 : value))
    const found = await attacker.solve('products', products)
    await linear.dispose()
    assert.ok(scored(found, counts).types > 0.9, JSON.stringify(scored(found, counts)))
    const squares = attacker.squaresOf(found)
    for (const [j, square] of squares.entries())
      assert.ok(Math.abs(square - sumSquares[j]) < 0.02 * sumSquares[j], `feature ${j}: ${square}, ${sumSquares[j]}`)
  })

  it('guesses among all neighbouring tokens of a text, and pairs of its tokens that are no neighbours', () => {
    const windows = { ids: Int32Array.of(1, 2, 3, 1, 2, 4, 5, 6), count: 2, length: 4 }
    const { counts, ids } = pairsOf(windows)
    const found = new Map([...counts].map((count, k) => [`${ids[2 * k]} ${ids[2 * k + 1]}`, count]))
    const own = [...found].filter(([, count]) => count > 0).map(([pair]) => pair)
    assert.deepEqual(own.sort(), ['1 2', '2 3', '2 4', '3 1', '4 5', '5 6'])
    assert.equal(found.size, counts.length)
  })

  it('finds the Gram matrix of an input in weights that SparseGPT has moved, rounded to fp16', async () => {
    const FEED_FORWARD = 2
    const cols = decoder.forms[0].inputs[FEED_FORWARD]
    const roles = decoder.forms[0].layers.flatMap(({ input }, role) => (input === FEED_FORWARD ? [role] : []))
    const [, , { gram = new Float32Array() }] = await (await Stream.start(decoder, WINDOWS)).observe(0, 'gram')
    await using solvers = await Solvers.create(1)
    let found: Float32Array = new Float32Array()
    await pruneSequential(decoder, solvers, {
      ...{ pruner: 'sparsegpt', target: { kind: 'unstructured', ppm: 500_000 }, blocks: [0], windows: WINDOWS },
      onBlock({ layers, meanSquares }) {
        const stacked = (weights: readonly Float32Array[]) =>
          Float32Array.from(roles.flatMap((role) => Array.from(weights[role])))
        const base = stacked(decoder.baseWeights(0))
        const pruned = Float32Array.from(Float16Array.from(stacked(layers.map(({ weight }) => weight))))
        const size = { rows: base.length / cols, cols }
        found = gramFromWeights({ ...size, base, pruned }, meanSquares[FEED_FORWARD])
      },
    })
    let [error, norm] = [0, 0]
    for (let i = 0; i < cols; i++) {
      for (let j = i + 1; j < cols; j++) {
        const expected = gram[i * cols + j] / WINDOWS.ids.length
        error += (found[i * cols + j] - expected) ** 2
        norm += expected ** 2
      }
    }
    assert.ok(error < 1e-4 * norm, `off the diagonal ${Math.sqrt(error / norm)} of the norm is wrong`)
  })
})
