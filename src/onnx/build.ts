/** Messages of a graph, made of plain values. */
import { create } from '@bufbuild/protobuf'
import { type ValueInfoProto, ValueInfoProtoSchema } from './generated/onnx_pb.js'

/** An input or output: its element type, and its sizes, each a number or null where runs may differ in it. */
export function valueInfo(
  name: string,
  { dataType, dims }: { dataType: number; dims: readonly (number | null)[] },
): ValueInfoProto {
  const dim = dims.map((size, axis) =>
    size === null
      ? { value: { case: 'dimParam' as const, value: `${name}_${axis}` } }
      : { value: { case: 'dimValue' as const, value: BigInt(size) } },
  )
  return create(ValueInfoProtoSchema, { name, type: { tensorType: { elemType: dataType, shape: { dim } } } })
}
