import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { makeNode } from '../../../../src/onnx/build.ts'
import { type GraphProto, GraphProtoSchema, type NodeProto } from '../../../../src/onnx/generated/onnx_pb.js'
import { backwardPass } from '../../../../src/onnx/gradient/backward.ts'

const observed = {
  shapes: new Map(['x', 'y', 'z', 'w', 'u'].map((name) => [name, [2, 2]])),
  contents: new Map<string, number[]>(),
}
const given = new Map([['z', 'dz']])

describe('the backward pass', () => {
  it('adds up the cotangents of several readers', () => {
    const graph = graphOf(makeNode('Exp', ['x'], ['y']), makeNode('Mul', ['y', 'y'], ['z']))
    const { nodes, gradients } = backwardPass(graph, observed, given, ['x'])
    assert.deepEqual(
      nodes.map(({ opType }) => opType),
      ['Mul', 'Mul', 'Sum', 'Mul'],
    )
    assert.deepEqual([...gradients], [['x', nodes[3].output[0]]])
  })

  it('visits only nodes between the wanted values and the given cotangents', () => {
    const graph = graphOf(
      makeNode('Einsum', ['w'], ['u']), // nothing wanted before it
      makeNode('Add', ['x', 'u'], ['z']),
      makeNode('Einsum', ['z'], ['y']), // nothing given behind it
    )
    const { nodes, gradients } = backwardPass(graph, observed, given, ['x', 'y'])
    assert.deepEqual([nodes, [...gradients]], [[], [['x', 'dz']]])
  })

  it('ends at operators of sizes and truth values', () => {
    const graph = graphOf(makeNode('Shape', ['x'], ['y']), makeNode('Reshape', ['w', 'y'], ['z']))
    assert.deepEqual([...backwardPass(graph, observed, given, ['x', 'w']).gradients.keys()], ['w'])
  })

  it('refuses an operator by its name', () => {
    const graph = graphOf(makeNode('Einsum', ['x', 'w'], ['z'], { name: 'sums' }))
    assert.throws(() => backwardPass(graph, observed, given, ['x']), {
      code: 'OPERATOR_NO_GRADIENT',
      message: /operator Einsum \(node "sums"\)/,
    })
  })

  it('refuses a form of an operator that its rule does not cover', () => {
    const graph = graphOf(makeNode('Pow', ['w', 'x'], ['z']))
    assert.throws(() => backwardPass(graph, observed, given, ['x']), {
      code: 'OPERATOR_NO_GRADIENT',
      message: /an exponent that is no constant/,
    })
  })
})

function graphOf(...node: NodeProto[]): GraphProto {
  return create(GraphProtoSchema, { node })
}
