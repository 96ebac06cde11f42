/** The name of an operator in the table: with its domain, where that is not ONNX's own. */
import type { NodeProto } from '../generated/onnx_pb.js'

export function operatorName({ opType, domain }: NodeProto): string {
  return domain === '' || domain === 'ai.onnx' ? opType : `${domain}:${opType}`
}
