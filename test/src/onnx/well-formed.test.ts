import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { clone, create } from '@bufbuild/protobuf'
import { Decoder } from '../../../src/model/forward/decoder.ts'
import { valueInfo } from '../../../src/onnx/build.ts'
import {
  type GraphProto,
  type ModelProto,
  NodeProtoSchema,
  TensorProtoSchema,
} from '../../../src/onnx/generated/onnx_pb.js'
import { edited } from '../../support/models/edited.ts'

const scratch = mkdtempSync(join(tmpdir(), 'coppice-well-formed-'))
after(() => rmSync(scratch, { recursive: true }))

type Case = [title: string, edit: (graph: GraphProto, model: ModelProto) => void, message: RegExp]

const CASES: Case[] = [
  [
    'a value without a maker',
    (graph) => {
      graph.node[20].input[0] = 'nowhere'
    },
    /the value "nowhere" is read by the node "[^"]+", and nothing makes it/,
  ],
  [
    'a tensor that is gone',
    (graph) => {
      graph.initializer.pop()
    },
    /the value "[^"]+" is read by the node "[^"]+", and nothing makes it/,
  ],
  [
    'an output that nothing makes',
    (graph) => {
      graph.output.push(valueInfo('extra'))
    },
    /the value "extra" is read by the end of the graph, and nothing makes it/,
  ],
  [
    'two makers of a value',
    (graph) => {
      graph.node.push(create(NodeProtoSchema, { ...graph.node[5], name: 'again' }))
    },
    /the value "[^"]+" is made twice, by the node "[^"]+" and by the node "again"/,
  ],
  [
    'a node that makes an initializer',
    (graph) => {
      graph.node[5].output[0] = graph.initializer[0].name
    },
    /the value "[^"]+" is made twice, by an initializer and by the node/,
  ],
  [
    'two initializers of one name',
    (graph) => {
      graph.initializer.push(clone(TensorProtoSchema, graph.initializer[0]))
    },
    /there are two initializers "[^"]+"/,
  ],
  [
    'an initializer without a name',
    (graph) => {
      graph.initializer.push(create(TensorProtoSchema, { dataType: 1, dims: [0n] }))
    },
    /an initializer \[0\] has no name/,
  ],
  [
    'two inputs of one name',
    (graph) => {
      graph.input.push(graph.input[0])
    },
    /the value "input_ids" is made twice, by an input and by an input/,
  ],
  [
    'an output that is given twice',
    (graph) => {
      graph.output.push(graph.output[0])
    },
    /gives the output "logits" twice/,
  ],
  [
    'a node that makes nothing',
    (graph) => {
      graph.node.push(create(NodeProtoSchema, { opType: 'Identity', name: 'idle', input: ['input_ids'] }))
    },
    /the node "idle" makes nothing/,
  ],
  ...['MatMul', 'Reshape', 'Softmax'].map(
    (operator): Case => [
      `a ${operator} that lacks an input`,
      (graph) => {
        const node = graph.node.find(({ opType }) => opType === operator) ?? assert.fail(operator)
        node.input[node.input.length - 1] = ''
      },
      RegExp(`of operator ${operator}, has no input number \\d`),
    ],
  ),
  [
    'a rotary embedding without its sines',
    (graph) => {
      const node = graph.node.find(({ opType }) => opType === 'MatMul') ?? assert.fail()
      node.opType = 'RotaryEmbedding'
    },
    /of operator RotaryEmbedding, has no input number 2/,
  ],
  [
    'two opsets of one domain',
    (_, model) => {
      model.opsetImport.push({ ...model.opsetImport[0], domain: 'ai.onnx', version: 13n })
    },
    /there are two opsets of ai\.onnx/,
  ],
  [
    'a node without an operator',
    (graph) => {
      graph.node[0].opType = ''
      graph.node[0].name = ''
    },
    /the node number 0 \(\) has no operator/,
  ],
]

describe('a graph', () => {
  for (const [title, edit, message] of CASES) {
    it(`is refused with ${title}`, () => {
      assert.throws(() => Decoder.open(edited(join(scratch, 'model'), edit)), { code: 'MODEL_GRAPH', message })
    })
  }

  it('is refused with nodes that wait for each other', () => {
    const edit = (graph: GraphProto) => {
      graph.node[10].input[0] = graph.node[30].output[0]
      graph.node[30].input[0] = graph.node[10].output[0]
    }
    assert.throws(() => Decoder.open(edited(join(scratch, 'circle'), edit)), {
      code: 'MODEL_UNREADABLE',
      message: /waits for its own output/,
    })
  })

  it('may have an initializer for an input, as files of IR version 3 do', () => {
    const dir = edited(join(scratch, 'defaults'), (graph) => {
      for (const { name } of graph.initializer) graph.input.push(valueInfo(name))
    })
    assert.equal(Decoder.open(dir).blocks, 2)
  })
})
