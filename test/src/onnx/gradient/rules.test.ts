import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { OPERATORS } from '../../../../src/onnx/operators/table.ts'
import * as ort from '../../../../src/runtime/onnx-runtime.ts'
import { Random } from '../../../support/random.ts'
import { CASES } from './cases.ts'
import { type Feeds, OneNode } from './one-node.ts'

/** The step of finite differences: float32 loses 1e-7 of the sum over it, the third derivative adds its square. */
const STEP = 1e-2
const TOLERANCE = 2e-3

describe('the rules of gradients', () => {
  for (const each of CASES) {
    it(`${each.op}${each.what ? `, ${each.what}` : ''}: what finite differences give`, async () => {
      const node = new OneNode(each)
      const session = await node.session()
      const random = new Random(5)
      const first = await session.run(node.feeds)
      const seeds = node.outputs.map((name) => {
        const { size, dims } = first[name]
        return new ort.Tensor('float32', random.normals(size), dims)
      })
      const sum = async (feeds: Feeds) => {
        const out = await session.run(feeds)
        return node.outputs.reduce((total, name, k) => total + dot(seeds[k], out[name]), 0)
      }
      const gradients = await node.gradients(seeds)
      assert.deepEqual(Object.keys(gradients).sort(), node.wanted.toSorted())
      for (const name of node.wanted) {
        const { data, dims } = node.feeds[name]
        for (const at of (data as Float32Array).keys()) {
          const moved = (by: number) => {
            const values = Float32Array.from(data as Float32Array)
            values[at] += by
            return sum({ ...node.feeds, [name]: new ort.Tensor('float32', values, dims) })
          }
          const slope = ((await moved(STEP)) - (await moved(-STEP))) / (2 * STEP)
          const got = gradients[name][at]
          assert.ok(
            Math.abs(got - slope) <= TOLERANCE * Math.max(1, Math.abs(slope)),
            `${name}[${at}]: ${got}, ${slope}`,
          )
        }
      }
      await session.release()
    })
  }

  it('are all tried', () => {
    const tried = new Set(CASES.map(({ op }) => op))
    assert.deepEqual(
      [...OPERATORS].flatMap(([op, { gradient }]) => (gradient && !tried.has(op) ? [op] : [])),
      [],
    )
  })

  it('give the results worked out by hand', async () => {
    const softmax = new OneNode({ op: 'Softmax', operands: [values([1, 2], 0, Math.log(3))] })
    near((await softmax.gradients([tensor([1, 2], 1, -1)])).x0, [0.375, -0.375])
    const norm = new OneNode({
      op: 'SimplifiedLayerNormalization',
      operands: [values([1, 2], 3, 4), values([2], 1, 2)],
      attributes: { epsilon: { float: 0 } },
    })
    const { x0, x1 } = await norm.gradients([tensor([1, 2], 1, 1)])
    near(x0, [-0.090509668, 0.067882251])
    near(x1, [0.848528137, 1.13137085])
  })

  it('give nothing where a value was not chosen, whatever stands there', async () => {
    const node = new OneNode({
      op: 'Where',
      operands: [
        { dims: [2], truths: [true, false] },
        values([2], 1, Number.NaN),
        values([2], Number.NEGATIVE_INFINITY, 2),
      ],
    })
    const { x1, x2 } = await node.gradients([tensor([2], 3, 4)])
    assert.deepEqual(
      [[...x1], [...x2]],
      [
        [3, 0],
        [0, 4],
      ],
    )
  })
})

const values = (dims: number[], ...numbers: number[]) => ({ dims, values: Float32Array.from(numbers), wanted: true })
const tensor = (dims: number[], ...numbers: number[]) => new ort.Tensor('float32', Float32Array.from(numbers), dims)

function near(got: Float32Array, wanted: readonly number[]): void {
  assert.equal(got.length, wanted.length)
  for (const [at, value] of wanted.entries()) assert.ok(Math.abs(got[at] - value) < 1e-5, `${at}: ${got[at]}, ${value}`)
}

/** In float64. */
function dot(a: ort.Tensor, b: ort.Tensor): number {
  const [x, y] = [a.data as Float32Array, b.data as Float32Array]
  return x.reduce((total, value, at) => total + value * y[at], 0)
}
