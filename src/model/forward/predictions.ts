/**
 * The positions of a batch whose logits are needed, cut into spans that are computed at once: the vocabulary is the
 * widest axis of a model.
 */

import type { Windows } from '../../form/windows.ts'
import * as ort from '../../runtime/onnx-runtime.ts'
import type { Decoder } from './decoder.ts'

/** Some positions of a batch in front of the head. All windows of the batch lie one after the other. */
interface Span {
  /** The first position, and the position behind the last one. */
  from: number
  to: number
  /** The stream at these positions, [1, to - from, width]; or the whole batch in its own shape. */
  stream: ort.Tensor
}

/**
 * Cuts a batch into spans if the head computes each position alone. Otherwise the batch is one span, whatever memory
 * its logits take.
 * @param bytes - the most bytes of logits at once
 */
export function headSpans(decoder: Decoder, stream: ort.Tensor, bytes: number): Span[] {
  const width = stream.dims[stream.dims.length - 1]
  const positions = stream.size / width
  if (!decoder.headIsPositionwise) return [{ from: 0, to: positions, stream }]
  const step = Math.max(1, Math.floor(bytes / (4 * Math.max(1, decoder.vocabulary))))
  const data = stream.data as Float32Array
  return Array.from({ length: Math.ceil(positions / step) }, (_, k) => {
    const [from, to] = [k * step, Math.min(positions, (k + 1) * step)]
    return {
      from,
      to,
      stream: new ort.Tensor('float32', data.subarray(from * width, to * width), [1, to - from, width]),
    }
  })
}

/** The number of predicted tokens. The first token of a window is never predicted, since no token is before it. */
export function predictionsOf({ count, length, targets }: Windows): number {
  if (targets === undefined) return count * (length - 1)
  return targets.reduce((sum, target, at) => sum + (at % length === 0 ? 0 : target), 0)
}

/**
 * The token behind each position of a span, [..., 1]; behind the last position of a window there is none, and a 0 that
 * does not count. Neither does a token that is no target.
 * @param first - first window of the batch
 */
export function nextTokens({ ids, length, targets }: Windows, first: number, { from, to, stream }: Span) {
  const before = first * length + from
  const counts = Array.from(
    { length: to - from },
    (_, k) => (from + k + 1) % length !== 0 && targets?.[before + k + 1] !== 0,
  )
  const tokens = counts.map((counted, k) => (counted ? BigInt(ids[before + k + 1]) : 0n))
  const dims = [...stream.dims.slice(0, -1), 1]
  return { targets: new ort.Tensor('int64', BigInt64Array.from(tokens), dims), counts }
}
