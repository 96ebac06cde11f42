/**
 * The streaming forward pass: all windows pass block by block, so that one block's weights are in memory at a time.
 * Between blocks a window is its row of the residual stream, [window, hidden].
 */
import * as ort from 'onnxruntime-node'
import type { BlockWeights, Decoder, Values } from './decoder.ts'
import type { Observation } from './observe.ts'

/** Tokens that pass through a block at once: enough for full-speed products, little enough for attention's memory. */
export const BATCH_TOKENS = 1024
/** Bytes of logits computed at once: the vocabulary is the widest thing in a model. */
const LOGITS_BYTES = 32 * 2 ** 20

export interface Windows {
  /** Token ids, row-major [count, length]. */
  ids: Int32Array
  count: number
  length: number
}

interface Batch {
  first: number
  count: number
  /** The stream and what parts passed on. */
  values: Values
}

export interface InputStatistics {
  /** Sum over tokens of x_j^2, [d]. */
  sumSquares: Float64Array
  /** Sum over tokens of x^T x, [d, d], where it was asked for. */
  gram?: Float32Array
}

export class Stream {
  readonly decoder: Decoder
  readonly windows: Windows
  private readonly batches: Batch[]
  private enters = ''

  private constructor(decoder: Decoder, windows: Windows, batches: Batch[]) {
    this.decoder = decoder
    this.windows = windows
    this.batches = batches
  }

  /** Embeds all windows. */
  static async start(decoder: Decoder, windows: Windows): Promise<Stream> {
    const perBatch = Math.max(1, Math.floor(BATCH_TOKENS / windows.length))
    const batches: Batch[] = []
    for (let first = 0; first < windows.count; first += perBatch) {
      const count = Math.min(perBatch, windows.count - first)
      const values = decoder.graphInputs(idsOf(windows, first, count), count, windows.length)
      const alike = batches.find((batch) => batch.count === count)?.values
      for (const [name, tensor] of await decoder.runPart(decoder.cut.embedding, values))
        values.set(name, sameOr(alike?.get(name), tensor))
      batches.push({ first, count, values })
    }
    const stream = new Stream(decoder, windows, batches)
    stream.enters = decoder.cut.embedding.leaves
    return stream
  }

  get tokens(): number {
    return this.windows.count * this.windows.length
  }

  /** Sends the stream through a block: base weights, or these. */
  pass(block: number, weights: BlockWeights | undefined, signal?: AbortSignal): Promise<void> {
    return this.decoder.exclusive(() => this.passAlone(block, weights, signal))
  }

  private async passAlone(block: number, weights: BlockWeights | undefined, signal?: AbortSignal): Promise<void> {
    const part = this.decoder.cut.blocks[block]
    const tensors = this.decoder.blockTensors(block, weights)
    let spare: ort.Tensor | undefined
    for (const { values } of this.batches) {
      signal?.throwIfAborted()
      const old = values.get(this.enters)
      const fits = spare && old && spare.dims.join() === old.dims.join()
      const made = await this.decoder.runPart(part, values, tensors, fits ? spare : undefined)
      for (const [name, tensor] of made) values.set(name, tensor)
      values.delete(this.enters)
      spare = old // what this batch has left behind takes the next one's output
    }
    this.enters = part.leaves
  }

  /** What the layers of a block with its base weights read, by distinct input; the stream stays where it is. */
  observe(block: number, observation: Observation, signal?: AbortSignal): Promise<InputStatistics[]> {
    return this.decoder.exclusive(() => this.observeAlone(block, observation, signal))
  }

  private async observeAlone(
    block: number,
    observation: Observation,
    signal?: AbortSignal,
  ): Promise<InputStatistics[]> {
    const tensors = this.decoder.blockTensors(block)
    const { inputs } = this.decoder.forms[block]
    const sums = inputs.map((width) => new Float64Array(width))
    const zeros = () => inputs.map((d) => new ort.Tensor('float32', new Float32Array(d * d), [d, d]))
    let grams = observation === 'gram' ? zeros() : []
    let spare = observation === 'gram' ? zeros() : []
    for (const { values } of this.batches) {
      signal?.throwIfAborted()
      const stats = await this.decoder.observe(block, values, tensors, observation, grams, spare)
      if (observation === 'gram') [grams, spare] = [spare, grams]
      else for (const [k, sum] of sums.entries()) addTo(sum, stats[k].data as Float32Array)
    }
    return inputs.map((width, k) => {
      if (observation === 'squares') return { sumSquares: sums[k] }
      const gram = grams[k].data as Float32Array
      for (let j = 0; j < width; j++) sums[k][j] = gram[j * width + j]
      return { sumSquares: sums[k], gram }
    })
  }

  /** Sum of -log P(token | tokens before it in its window) over all predictions, and how many there are. */
  async negativeLogLikelihood(signal?: AbortSignal): Promise<{ sum: number; tokens: number }> {
    const { windows, decoder } = this
    const { length } = windows
    const fitting = Math.max(1, Math.floor(LOGITS_BYTES / (4 * Math.max(1, decoder.vocabulary))))
    const span = decoder.headIsPositionwise ? Math.min(fitting, length) : length
    let sum = 0
    for (const { first, count, values } of this.batches) {
      for (let row = 0; row < count; row++) {
        const window = this.slice(values, row, 1, count)
        const targets = targetsOf(windows, first + row)
        for (let from = 0; from < length; from += span) {
          signal?.throwIfAborted()
          const to = Math.min(length, from + span)
          const some = span === length ? window : this.positions(window, from, to)
          const wanted = new ort.Tensor('int64', targets.slice(from, to), [1, to - from, 1])
          const log = (await decoder.logProbabilities(some, wanted)).data as Float32Array
          for (let i = from; i < Math.min(to, length - 1); i++) sum -= log[i - from]
        }
      }
    }
    return { sum, tokens: windows.count * (length - 1) }
  }

  /** Positions from..to of the stream of one window, for a head that looks at each position alone. */
  private positions(values: Values, from: number, to: number): Values {
    const stream = values.get(this.enters)
    if (stream === undefined) throw new Error('the stream has not reached the head')
    const width = stream.dims[stream.dims.length - 1]
    const data = (stream.data as Float32Array).subarray(from * width, to * width)
    return new Map([[this.enters, new ort.Tensor('float32', data, [1, to - from, width])]])
  }

  /** Logits of one window, [length, vocabulary]. */
  async logits(window: number): Promise<Float32Array> {
    const batch = this.batches.find(({ first, count }) => window >= first && window < first + count)
    if (batch === undefined) throw new RangeError(`window ${window} of ${this.windows.count}`)
    const values = this.slice(batch.values, window - batch.first, 1, batch.count)
    const out = await this.decoder.runPart(this.decoder.cut.head, values)
    return out.get(this.decoder.cut.head.leaves)?.data as Float32Array
  }

  /** Some windows of a batch: the stream is cut, what else has the batch's size on its first axis too. */
  private slice(values: Values, from: number, rows: number, count: number): Values {
    if (rows === count) return values
    const out: Values = new Map()
    const { length } = this.windows
    const inputs = this.decoder.graphInputs(new BigInt64Array(rows * length), rows, length)
    for (const [name, tensor] of values) {
      if (inputs.has(name)) out.set(name, inputs.get(name) as ort.Tensor)
      else if (name === this.enters || tensor.dims[0] === count) {
        const size = tensor.size / count
        const data = (tensor.data as Float32Array).slice(from * size, (from + rows) * size)
        out.set(name, new ort.Tensor(tensor.type as 'float32', data, [rows, ...tensor.dims.slice(1)]))
      } else out.set(name, tensor)
    }
    return out
  }
}

/** Masks and rotary tables are the same in every batch of a size: one copy of them is kept. */
function sameOr(known: ort.Tensor | undefined, tensor: ort.Tensor): ort.Tensor {
  if (known === undefined || known.type !== tensor.type || known.size !== tensor.size) return tensor
  const bytes = ({ data }: ort.Tensor) => {
    const { buffer, byteOffset, byteLength } = data as Float32Array
    return Buffer.from(buffer, byteOffset, byteLength)
  }
  return bytes(known).equals(bytes(tensor)) ? known : tensor
}

function addTo(sum: Float64Array, values: Float32Array): void {
  for (let j = 0; j < sum.length; j++) sum[j] += values[j]
}

function idsOf({ ids, length }: Windows, first: number, count: number): BigInt64Array {
  return BigInt64Array.from(ids.subarray(first * length, (first + count) * length), BigInt)
}

/** The next token of each position of a window; the last has none and gets 0, which nobody counts. */
function targetsOf({ ids, length }: Windows, window: number): BigInt64Array {
  return BigInt64Array.from({ length }, (_, i) => (i === length - 1 ? 0n : BigInt(ids[window * length + i + 1])))
}
