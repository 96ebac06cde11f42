import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { makeNode } from '../../../../src/onnx/build.ts'
import { ModelProtoSchema } from '../../../../src/onnx/generated/onnx_pb.js'
import { unary } from '../../../../src/onnx/gradient/elementwise.ts'
import type { OnnxModel } from '../../../../src/onnx/model.ts'
import { assertInputs, assertKnownOperators } from '../../../../src/onnx/operators/checks.ts'
import type { Operator } from '../../../../src/onnx/operators/operator.ts'
import { inputOf, OPERATORS, placesOf, slotsOf } from '../../../../src/onnx/operators/table.ts'
import * as ort from '../../../../src/runtime/onnx-runtime.ts'
import { followAxes } from '../../../../src/structure/find/follow.ts'
import { findStructures } from '../../../../src/structure/find/structure.ts'
import { OneNode } from '../gradient/one-node.ts'

/** x / (1 + |x|); its slope is 1 / (1 + |x|)^2. */
const SOFTSIGN: Operator = {
  axes: 'elementwise',
  gradient: unary(({ tape }, x) => {
    const root = tape.op('Add', [tape.scalar(1), tape.op('Abs', [x])])
    return tape.op('Reciprocal', [tape.op('Mul', [root, root])])
  }),
}

/** y = Softsign(x0 w0) w1 */
const NODES = [
  makeNode('MatMul', ['x0', 'w0'], ['h']),
  makeNode('Softsign', ['h'], ['s'], { name: 'soft' }),
  makeNode('MatMul', ['s', 'w1'], ['y']),
]
const SHAPES = { x0: [3, 2], w0: [2, 4], h: [3, 4], s: [3, 4], w1: [4, 2], y: [3, 2] }

function model(nodes = NODES): OnnxModel {
  const input = ['x0', 'w0', 'w1'].map((name) => ({ name }))
  const proto = create(ModelProtoSchema, { graph: { node: nodes, input } })
  const { graph } = proto
  assert.ok(graph)
  return { path: 'm.onnx', proto, graph, initializers: new Map(), subgraphs: new Map(), externalFiles: [] }
}

function lockOfChannels(): string | undefined {
  const { graph } = model()
  const observed = { shapes: new Map(Object.entries(SHAPES)), contents: new Map() }
  const [channels] = findStructures(graph, followAxes(graph, observed, 'x0'))
  assert.equal(channels.units, 4)
  return channels.locked
}

const softsign = () => new OneNode({ op: 'Softsign', operands: [{ dims: [2], values: X, wanted: true }] })
const X = Float32Array.of(1, -2)
const ONES = new ort.Tensor('float32', Float32Array.of(1, 1), [2])

describe('an operator', () => {
  it('without an entry is refused, has no gradient, and locks its inputs', async () => {
    assert.throws(() => assertKnownOperators(model()), { code: 'OPERATOR_UNKNOWN', message: /operator Softsign/ })
    await assert.rejects(() => softsign().gradients([ONES]), { code: 'OPERATOR_NO_GRADIENT' })
    assert.equal(lockOfChannels(), '"soft" (Softsign) is not understood')
  })

  describe('with an entry', () => {
    before(() => OPERATORS.set('Softsign', SOFTSIGN))
    after(() => OPERATORS.delete('Softsign'))

    it('is known, and refused only where it lacks an input', () => {
      assertKnownOperators(model())
      assertInputs(model())
      assert.throws(() => assertInputs(model([makeNode('Softsign', [''], ['s'])])), { code: 'MODEL_GRAPH' })
    })

    it('is differentiated by its rule', async () => {
      const { x0 } = await softsign().gradients([ONES])
      assert.deepEqual(x0, Float32Array.of(1 / 4, 1 / 9))
    })

    it('is followed: channels go through it', () => assert.equal(lockOfChannels(), undefined))
  })
})

describe('the table of operators', () => {
  it('names slots where a field speaks of some', () => {
    for (const [name, operator] of OPERATORS) {
      const names = slotsOf(operator).map((slot) => slot.name)
      assert.equal(new Set(names).size, names.length, name)
      for (const named of [operator.contents, operator.matrices])
        for (const slot of named?.split(' ') ?? []) assert.ok(slot === '' || names.includes(slot), `${name}: ${slot}`)
    }
  })

  it('finds the inputs of a node by their names', () => {
    const node = makeNode('Slice', ['x', 'from', 'to', '', 'by'], ['y'])
    assert.deepEqual(placesOf(node, 'steps starts nothing'), [4, 1])
    assert.deepEqual(
      ['data', 'axes', 'steps', 'nothing'].map((name) => inputOf(node, name)),
      ['x', '', 'by', ''],
    )
  })
})
