import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { create } from '@bufbuild/protobuf'
import {
  AttributeProtoSchema,
  FunctionProtoSchema,
  type GraphProto,
  type ModelProto,
  TensorAnnotationSchema,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from '../../../src/onnx/generated/onnx_pb.js'
import { readOnnx } from '../../../src/onnx/read.ts'
import { edited, unknownField } from '../../support/models/edited.ts'

const scratch = mkdtempSync(join(tmpdir(), 'coppice-fields-'))
after(() => rmSync(scratch, { recursive: true }))

function read(edit: (graph: GraphProto, model: ModelProto) => void) {
  return readOnnx(join(edited(join(scratch, 'model'), edit), 'model.onnx'))
}

/** Gives a message a field that onnx.proto does not declare. */
function addField(message: { $unknown?: unknown[] }, no: number): void {
  message.$unknown = [...(message.$unknown ?? []), unknownField(no)]
}

type Case = [title: string, edit: (graph: GraphProto, model: ModelProto) => void, message: RegExp]

const CASES: Case[] = [
  ['training information', (_, model) => addField(model, 20), /the model has the field training_info/],
  ['a field of no known name', (_, model) => addField(model, 31), /the model has the field number 31/],
  ['a field of the graph', (graph) => addField(graph, 17), /the graph "\w*" has the field number 17/],
  [
    'a quantization annotation',
    (graph) => graph.quantizationAnnotation.push(create(TensorAnnotationSchema, { tensorName: 'w' })),
    /the tensor "w" has the field quantization_annotation/,
  ],
  ['an overload', (graph) => addField(graph.node[3], 8), /the node "[^"]+" has the field overload/],
  ['a segment of a tensor', (graph) => addField(graph.initializer[0], 3), /the tensor "[^"]+" has the field segment/],
  [
    'an unknown data location',
    (graph) => {
      graph.initializer[0].dataLocation = 2
    },
    /the tensor "[^"]+" has the field data_location 2/,
  ],
  [
    'a sequence as an input',
    (graph) => {
      const info = create(ValueInfoProtoSchema, { name: 'past', type: {} })
      addField(info.type as object, 4)
      graph.input.push(info)
    },
    /the type of the value "past" has the field sequence_type/,
  ],
  [
    'an optional value inside',
    (graph) => {
      const info = create(ValueInfoProtoSchema, { name: 'maybe', type: {} })
      addField(info.type as object, 9)
      graph.valueInfo.push(info)
    },
    /the type of the value "maybe" has the field optional_type/,
  ],
  [
    'a sparse tensor in an attribute',
    (graph) => {
      const attribute = create(AttributeProtoSchema, { name: 'sparse_value', type: 11 })
      addField(attribute, 22)
      graph.node[0].attribute.push(attribute)
    },
    /the attribute "sparse_value" of the node "[^"]+" has the field sparse_tensor/,
  ],
  [
    'an attribute twice',
    (graph) => {
      for (const i of [1n, 2n]) graph.node[0].attribute.push(create(AttributeProtoSchema, { name: 'axis', type: 2, i }))
    },
    /second attribute "axis"/,
  ],
  [
    'a tensor of an attribute in another file',
    (graph) => {
      const t = create(TensorProtoSchema, { dataType: 1, dims: [1n], dataLocation: 1 })
      graph.node[0].attribute.push(create(AttributeProtoSchema, { name: 'extra', type: 4, t }))
    },
    /the tensor in the attribute "extra" of the node "[^"]+" has the field data_location/,
  ],
]

describe('fields of a file', () => {
  for (const [title, edit, message] of CASES) {
    it(`refuses ${title} by its name`, () => {
      assert.throws(() => read(edit), { code: 'MODEL_FIELD', message })
    })
  }

  it('refuses functions of the model by their names, and says how they go into the graph', () => {
    const functions = [create(FunctionProtoSchema, { name: 'Gelu', domain: 'own' })]
    assert.throws(() => read((_, model) => model.functions.push(...functions)), {
      code: 'MODEL_FUNCTIONS',
      message: /1 function.*"own:Gelu"/,
      hint: /inline_local_functions/,
    })
  })

  it('takes notes for people: doc strings, metadata, denotations', () => {
    const model = read((graph, model) => {
      for (const no of [4, 6, 14]) addField(model, no)
      for (const no of [10, 16]) addField(graph, no)
      for (const no of [6, 9]) addField(graph.node[0], no)
      for (const no of [12, 16]) addField(graph.initializer[0], no)
      for (const no of [3, 4]) addField(graph.input[0], no)
    })
    assert.equal(model.proto.$unknown?.length, 3)
  })
})
