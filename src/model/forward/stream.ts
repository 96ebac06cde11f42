/**
 * The streaming forward pass: all windows pass block by block, so that one block's weights are in memory at a time.
 * Between blocks a window is its row of the residual stream, [window, hidden].
 */

import type { BlockWeights } from '../../form/block-weights.ts'
import type { Windows } from '../../form/windows.ts'
import { collectGarbage } from '../../runtime/memory.ts'
import type * as ort from '../../runtime/onnx-runtime.ts'
import type { Decoder } from './decoder.ts'
import { HiddenBatches } from './hidden-batches.ts'
import { type InputStatistics, Totals } from './input-statistics.ts'
import type { Shifts } from './output-shift.ts'
import { headSpans, nextTokens, predictionsOf } from './predictions.ts'
import type { Values } from './sessions.ts'
import type { Observation } from './sums.ts'

/** The graph's input of token ids. */
const IDS = 'input_ids'

/**
 * Tokens that pass through a block at once (measured for 576 features: 512 takes no more processor time than 1024, and
 * half of the memory, most of which is attention's).
 */
const BATCH_TOKENS = 512
/**
 * The number of batches observed in one run. Between runs the signal is checked, and the sums are copied (see
 * observe.ts).
 */
const OBSERVED_BATCHES = 8
/** Bytes of logits computed at once, if the head allows. */
const LOGITS_BYTES = 16 * 2 ** 20

interface Batch {
  /** Its first window, and its number of windows: the same in all batches, except that the last may have fewer. */
  first: number
  count: number
  /** The values that parts passed on, besides the stream. Values that are equal in two batches are one tensor. */
  values: Values
}

/** A stream between two blocks. */
export interface StreamState {
  /** All batches of the residual stream, one after the other. */
  values: Float32Array
  /** Their place in memory: see HiddenBatches. */
  place: 0 | 1
  /** For each batch, the other values that blocks have passed on, by name. */
  passed: [name: string, tensor: ort.Tensor][][]
}

export class Stream {
  readonly decoder: Decoder
  readonly windows: Windows
  private readonly batches: Batch[]
  private readonly hidden: HiddenBatches
  private enters: string
  /** The values that blocks have passed on besides the stream, by name. */
  private readonly passed = new Set<string>()

  private constructor(decoder: Decoder, windows: Windows, batches: Batch[], hidden: HiddenBatches) {
    this.decoder = decoder
    this.windows = windows
    this.batches = batches
    this.hidden = hidden
    this.enters = decoder.cut.embedding.leaves
  }

  /** Embeds all windows. */
  static async start(decoder: Decoder, windows: Windows): Promise<Stream> {
    const { embedding } = decoder.cut
    const perBatch = decoder.windowsTogether(BATCH_TOKENS, windows.length)
    const batches: Batch[] = []
    let hidden: HiddenBatches | undefined
    for (let first = 0; first < windows.count; first += perBatch) {
      const count = Math.min(perBatch, windows.count - first)
      const values = decoder.graphInputs(idsOf(windows, first, count), count, windows.length)
      for (const [name, tensor] of await decoder.sessions.runPart(embedding, values)) values.set(name, tensor)
      const stream = values.get(embedding.leaves) as ort.Tensor
      values.delete(embedding.leaves)
      const alike = batches.find((batch) => batch.count === count)?.values
      for (const [name, tensor] of values) values.set(name, sameOr(alike?.get(name), tensor))
      hidden ??= new HiddenBatches(Math.ceil(windows.count / perBatch), stream.size)
      hidden.add(stream)
      batches.push({ first, count, values })
    }
    decoder.sessions.dropOuterWeights()
    if (hidden === undefined) throw new RangeError('no windows')
    return new Stream(decoder, windows, batches, hidden)
  }

  get tokens(): number {
    return this.windows.count * this.windows.length
  }

  /** Sends the stream through a block, with the base weights or these, and with the vectors that some layers add. */
  pass(block: number, weights: BlockWeights | undefined, signal?: AbortSignal, shifts?: Shifts): Promise<void> {
    return this.decoder.sessions.exclusive(() => this.passAlone(block, weights, signal, shifts))
  }

  private async passAlone(
    block: number,
    weights: BlockWeights | undefined,
    signal: AbortSignal | undefined,
    shifts: Shifts | undefined,
  ): Promise<void> {
    const part = this.decoder.cut.blocks[block]
    const tensors = this.decoder.sessions.blockTensors(block, weights)
    await this.hidden.pass(async (at, old, into) => {
      signal?.throwIfAborted()
      const { values } = this.batches[at]
      const made = await this.decoder.sessions.runPart(
        part,
        new Map(values).set(this.enters, old),
        tensors,
        into,
        shifts,
      )
      made.delete(part.leaves)
      for (const [name, tensor] of made) values.set(name, tensor)
    })
    this.enters = part.leaves
    for (const name of part.passes) this.passed.add(name)
    collectGarbage()
  }

  /** Leaves a block out. The stream stays unchanged; only values that later blocks read from this one are computed. */
  skip(block: number): Promise<void> {
    return this.decoder.sessions.exclusive(async () => {
      const part = this.decoder.cut.blocks[block]
      const tensors = part.passes.length > 0 ? this.decoder.sessions.blockTensors(block) : undefined
      for (const [at, { values }] of this.batches.entries()) {
        if (tensors === undefined) break
        const made = await this.decoder.sessions.runPart(part, this.valuesOf(at), tensors)
        for (const name of part.passes) values.set(name, made.get(name) as ort.Tensor)
      }
      this.enters = part.leaves
      for (const name of part.passes) this.passed.add(name)
    })
  }

  /** All values that cannot be computed from the windows without the blocks passed so far. */
  get state(): StreamState {
    const passed = this.batches.map(({ values }) => [...values].filter(([name]) => this.passed.has(name)))
    return { values: this.hidden.values, place: this.hidden.place, passed }
  }

  /**
   * Moves a stream that has just started to the place of another one of the same windows, in front of a block (not the
   * first).
   * @param passed - for each batch, the values that the blocks before it have passed on
   * @returns the memory to fill with the stream's values
   */
  standBefore(block: number, { place, passed }: Omit<StreamState, 'values'>): Float32Array {
    for (const [at, tensors] of passed.entries()) {
      for (const [name, tensor] of tensors) {
        this.batches[at].values.set(name, tensor)
        this.passed.add(name)
      }
    }
    this.enters = this.decoder.cut.blocks[block - 1].leaves
    this.hidden.moveTo(place)
    return this.hidden.values
  }

  /**
   * Statistics of the inputs of a block with its base weights, one entry for each distinct input. The stream stays
   * where it is.
   */
  observe(block: number, observation: Observation, signal?: AbortSignal): Promise<InputStatistics[]> {
    return this.decoder.sessions.exclusive(() => this.observeAlone(block, observation, signal))
  }

  private async observeAlone(
    block: number,
    observation: Observation,
    signal?: AbortSignal,
  ): Promise<InputStatistics[]> {
    const tensors = this.decoder.sessions.blockTensors(block)
    const totals = this.decoder.forms[block].inputs.map((width) => new Totals(width, observation))
    for (let at = 0; at < this.batches.length; ) {
      signal?.throwIfAborted()
      const alike = this.alikeFrom(at)
      const batches = this.hidden.together(at, alike)
      const sums = await this.decoder.sessions.observe(block, this.valuesOf(at), batches, tensors, observation)
      for (const [k, total] of totals.entries()) total.add(sums[k])
      at += alike
    }
    collectGarbage()
    return totals.map((total) => total.statistics())
  }

  /**
   * The number of batches, from this one on, that differ only in the stream and in the token ids, which no block reads.
   */
  private alikeFrom(at: number): number {
    const { count, values } = this.batches[at]
    const alike = (batch: Batch) =>
      batch.count === count && [...values].every(([name, tensor]) => name === IDS || batch.values.get(name) === tensor)
    let end = at + 1
    while (end < this.batches.length && end - at < OBSERVED_BATCHES && alike(this.batches[end])) end++
    return end - at
  }

  /** Sum of -log P(token | tokens before it in its window) over all predictions, and how many there are. */
  async negativeLogLikelihood(signal?: AbortSignal): Promise<{ sum: number; tokens: number }> {
    const { windows, decoder, enters } = this
    let sum = 0
    for (const [at, { first }] of this.batches.entries()) {
      for (const span of headSpans(decoder, this.hidden.at(at), LOGITS_BYTES)) {
        signal?.throwIfAborted()
        const { targets, counts } = nextTokens(windows, first, span)
        const values = new Map(this.batches[at].values).set(enters, span.stream)
        const log = (await decoder.sessions.logProbabilities(values, targets)).data as Float32Array
        for (const [k, counted] of counts.entries()) if (counted) sum -= log[k]
      }
    }
    decoder.sessions.dropOuterWeights()
    return { sum, tokens: predictionsOf(windows) }
  }

  /** All values of a batch that a part may read. */
  private valuesOf(at: number): Values {
    return new Map(this.batches[at].values).set(this.enters, this.hidden.at(at))
  }

  /** Logits of one window, [length, vocabulary]. */
  async logits(window: number): Promise<Float32Array> {
    const at = this.batches.findIndex(({ first, count }) => window >= first && window < first + count)
    if (at === -1) throw new RangeError(`window ${window} of ${this.windows.count}`)
    const { first, count } = this.batches[at]
    const out = await this.decoder.sessions.runPart(this.decoder.cut.head, this.valuesOf(at))
    const all = out.get(this.decoder.cut.head.leaves)?.data as Float32Array
    const size = all.length / count
    return all.slice((window - first) * size, (window - first + 1) * size)
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

function idsOf({ ids, length }: Windows, first: number, count: number): BigInt64Array {
  return BigInt64Array.from(ids.subarray(first * length, (first + count) * length), BigInt)
}
