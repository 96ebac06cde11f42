/**
 * fp16 -> float32, everywhere: ONNX Runtime's CPU provider has few fp16 operators, and statistics want float32. Large
 * tensors are widened when they are read. A Cast to fp16 becomes a Cast to float32, so values are no longer rounded in
 * between: logits differ from those of the fp16 graph by its own rounding.
 */
import { clone, create } from '@bufbuild/protobuf'
import {
  type AttributeProto,
  AttributeProtoSchema,
  TensorProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '../generated/onnx_pb.js'
import { like } from '../graph.ts'
import { inlineTensor } from '../inline-tensor.ts'
import { DATA_TYPE, type TensorRef, tensorBytes } from '../tensor.ts'
import type { Lowered } from './lowered.ts'

/** Attributes that name an element type, by operator. */
const TYPE_ATTRIBUTES: Record<string, string> = { Cast: 'to', EyeLike: 'dtype' }

export function widenFp16({ model }: Lowered): void {
  const { graph, initializers } = model
  for (const [name, tensor] of initializers) initializers.set(name, widened(tensor))
  for (const node of graph.node) {
    const attributes = node.attribute.map((attribute) => widenedAttribute(node.opType, attribute))
    if (attributes.some((attribute, k) => attribute !== node.attribute[k])) node.attribute = attributes
  }
  graph.input = graph.input.map(widenedInfo)
  graph.output = graph.output.map(widenedInfo)
}

function widened(tensor: TensorRef): TensorRef {
  if (tensor.dataType !== DATA_TYPE.float16) return tensor
  return { ...tensor, dataType: DATA_TYPE.float, data: { kind: 'widened', from: tensor } }
}

function widenedAttribute(opType: string, attribute: AttributeProto): AttributeProto {
  const { name, i, t } = attribute
  if (TYPE_ATTRIBUTES[opType] === name && i === BigInt(DATA_TYPE.float16))
    return like(clone(AttributeProtoSchema, attribute), { i: BigInt(DATA_TYPE.float) })
  if (t?.dataType !== DATA_TYPE.float16) return attribute
  const rawData = tensorBytes(widened(inlineTensor(t)))
  const content = create(TensorProtoSchema, { name: t.name, dims: t.dims, dataType: DATA_TYPE.float, rawData })
  return like(attribute, { t: content })
}

function widenedInfo(info: ValueInfoProto): ValueInfoProto {
  if (info.type?.tensorType?.elemType !== DATA_TYPE.float16) return info
  const copy = clone(ValueInfoProtoSchema, info)
  if (copy.type?.tensorType) copy.type.tensorType.elemType = DATA_TYPE.float
  return copy
}
