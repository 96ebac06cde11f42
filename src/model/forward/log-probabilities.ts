/** A model of logits made one of log-probabilities. */
import { clone, create } from '@bufbuild/protobuf'
import { valueInfo } from '../../onnx/build.ts'
import {
  type ModelProto,
  ModelProtoSchema,
  NodeProtoSchema,
  ValueInfoProtoSchema,
} from '../../onnx/generated/onnx_pb.js'
import { DATA_TYPE } from '../../onnx/tensor.ts'
import type { PartModel } from '../graph/part.ts'

/** The head with log softmax and a look-up of each target behind it: `log_probability` [batch, window, 1]. */
export function withLogProbabilities(head: PartModel): ModelProto {
  const proto = clone(ModelProtoSchema, head.proto)
  const logits = [...head.outputs.values()][0]
  const graph = proto.graph
  if (graph === undefined) throw new Error('a part without a graph')
  const axis = { name: 'axis', i: -1n, type: 2 }
  graph.node.push(
    create(NodeProtoSchema, {
      opType: 'LogSoftmax',
      name: 'log_softmax',
      input: [logits],
      output: ['log_softmax'],
      attribute: [axis],
    }),
    create(NodeProtoSchema, {
      opType: 'GatherElements',
      name: 'pick',
      input: ['log_softmax', 'targets'],
      output: ['log_probability'],
      attribute: [axis],
    }),
  )
  graph.input.push(valueInfo('targets', { dataType: DATA_TYPE.int64, dims: [null, null, 1] }))
  graph.output = [create(ValueInfoProtoSchema, { name: 'log_probability' })]
  return proto
}
