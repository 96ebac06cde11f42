/** The name of an operator in the table. It has the domain in front, unless that is ONNX's own. */
import type { NodeProto } from '../generated/onnx_pb.js'

export function operatorName({ opType, domain }: NodeProto): string {
  return domain === '' || domain === 'ai.onnx' ? opType : `${domain}:${opType}`
}
