/** Memory and disk that a model and a text need, before anything is computed: rough, and rather too much. */

import type { ModelDescription } from '../../../src/jobs/model/describe.ts'
import type { MeasuredWindows } from '../../progress/job-cost.ts'

/** Two processes of Node with libp2p and ONNX Runtime before they know a model (measured: 300 MB). */
const BASE_BYTES = 400e6
/** Bytes of a float32. */
const FLOAT = 4
/** A block is there as stored, as read, as pruned, and once more in the runtime. */
const BLOCK_COPIES = 4
/** The hidden states of the text: in front of a block, and behind it. */
const STREAM_COPIES = 2
/** The model is written once as the result, and once more while it is checked. */
const MODEL_COPIES = 2

/** Bytes. */
interface Need {
  memory: number
  disk: number
}

export function needOf({ bytes, forms, parameters }: ModelDescription, { count, length }: MeasuredWindows): Need {
  const blocks = forms.map(({ layers }) => layers.reduce((sum, { rows, cols }) => sum + rows * cols, 0))
  const largest = Math.max(0, ...blocks)
  const outside = Math.max(0, parameters - blocks.reduce((sum, weights) => sum + weights, 0))
  const hidden = forms[0]?.inputs[0] ?? 0
  const grams = Math.max(0, ...forms.map(({ inputs }) => inputs.reduce((sum, cols) => sum + cols * cols, 0)))
  const stream = STREAM_COPIES * count * length * hidden
  return {
    memory: BASE_BYTES + FLOAT * (BLOCK_COPIES * largest + outside + grams + stream),
    disk: MODEL_COPIES * bytes,
  }
}
