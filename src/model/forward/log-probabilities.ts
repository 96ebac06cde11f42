/** Makes a model that gives log-probabilities from one that gives logits. */
import { clone } from '@bufbuild/protobuf'
import { attributesOf, makeNode, valueInfo } from '../../onnx/build.ts'
import { type ModelProto, ModelProtoSchema } from '../../onnx/generated/onnx_pb.js'
import { DATA_TYPE } from '../../onnx/tensor.ts'
import type { PartModel } from '../graph/part.ts'

/** The head with log softmax and a look-up of each target behind it: `log_probability` [batch, window, 1]. */
export function withLogProbabilities(head: PartModel): ModelProto {
  const proto = clone(ModelProtoSchema, head.proto)
  const logits = [...head.outputs.values()][0]
  const graph = proto.graph
  if (graph === undefined) throw new Error('a part without a graph')
  const attribute = attributesOf({ axis: -1 })
  graph.node.push(
    makeNode('LogSoftmax', [logits], ['log_softmax'], { name: 'log_softmax', attribute }),
    makeNode('GatherElements', ['log_softmax', 'targets'], ['log_probability'], { name: 'pick', attribute }),
  )
  graph.input.push(valueInfo('targets', { dataType: DATA_TYPE.int64, dims: [null, null, 1] }))
  graph.output = [valueInfo('log_probability')]
  return proto
}
