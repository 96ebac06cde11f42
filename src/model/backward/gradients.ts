/**
 * Gradients of the mean cross-entropy of next tokens, block by block: the stream in front of each block is kept, and
 * the block is computed once more when its turn comes, from the last to the first. So memory is one block with its
 * gradients and one stream a block, whatever the model's depth. Source: Chen et al. 2016 (arXiv 1604.06174), section 4.
 */

import type { BlockWeights } from '../../form/block-weights.ts'
import type { Windows } from '../../form/windows.ts'
import { isFused, unfuse } from '../../onnx/operators/unfuse.ts'
import * as ort from '../../runtime/onnx-runtime.ts'
import type { Decoder } from '../forward/decoder.ts'
import { withLogProbabilities } from '../forward/log-probabilities.ts'
import { headSpans, nextTokens, predictionsOf } from '../forward/predictions.ts'
import { outputsOf, type Values } from '../forward/sessions.ts'
import type { Part } from '../graph/cut.ts'
import type { PartModel } from '../graph/part.ts'
import { observeShapes } from '../graph/shapes.ts'
import { type Differentiated, differentiate } from './differentiate.ts'

/** The most bytes of logits at once. LogSoftmax, its gradient and the scattered cotangents are as large, each. */
const LOGITS_BYTES = 16 * 2 ** 20
/** Output and input of the head with its loss. */
const LOG_PROBABILITY = 'log_probability'
const TARGETS = 'targets'

/** Gradients by the name of the initializer, in the file's layout. */
export type WeightGradients = Map<string, Float32Array>

/** Tensors that a block is fed besides its weights, and its model that reads them. */
export interface AddedModels {
  modelOf(block: number, model: PartModel): PartModel
  /** The tensors, by their names among the model's weights. */
  tensorsOf(block: number): ReadonlyMap<string, ort.Tensor>
}

export interface GradientJob {
  windows: Windows
  /** Windows that pass together, at most. */
  perBatch: number
  /** The weights whose gradients are wanted: those of the layers, or every float tensor that a part is fed. */
  of: 'layers' | 'all'
  weightsOf?: (block: number) => BlockWeights | undefined
  /** Tensors that are trained beside the layers of the blocks. Gradients are taken of them instead of the layers. */
  beside?: AddedModels
  /**
   * Whether to give the mean over windows of each window's squared gradient, instead of the sum over batches. Then
   * `perBatch` must be 1 and `of` must be `layers`.
   */
  squared?: boolean
  /**
   * Receives the gradients of each part, summed over the batches, from the head backwards. A tensor that several parts
   * read has one in each of them. With `of` layers, embedding and head have none.
   */
  onPart: (part: number | 'head' | 'embedding', gradients: WeightGradients) => void
  signal?: AbortSignal
}

/** A batch during the forward and the backward pass. */
interface Batch {
  first: number
  count: number
  values: Values
  /** The stream in front of each block, and of the head. */
  streams: ort.Tensor[]
  /** The cotangents so far, by value of the graph. */
  cotangents: Map<string, ort.Tensor>
}

interface Loss {
  /** Mean of -log P(token | tokens before it in its window). */
  loss: number
  /** The number of predictions. */
  tokens: number
}

/** Backward passes, by the form of their part: each form is differentiated once, not at every call. */
type Known = Map<string, Differentiated>

/** The gradients of one decoder. */
export class LossGradients {
  private readonly decoder: Decoder
  private readonly known: Known = new Map()

  constructor(decoder: Decoder) {
    this.decoder = decoder
  }

  /** @throws {InputError} OPERATOR_NO_GRADIENT */
  run(job: GradientJob): Promise<Loss> {
    return this.decoder.sessions.exclusive(() => new BackwardRun(this.decoder, this.known, job).run())
  }
}

/** The request for one step back through a part. */
interface StepJob {
  /** Cotangents by value. */
  given: ReadonlyMap<string, ort.Tensor>
  /** Initializers; null: all that are float. */
  wantedWeights: readonly string[] | null
  weights?: ReadonlyMap<string, ort.Tensor>
  /** For the head with the loss behind it: the tokens to predict. */
  targets?: ort.Tensor
}

class BackwardRun {
  private readonly decoder: Decoder
  private readonly known: Known
  private readonly job: GradientJob
  private readonly batches: Batch[] = []
  /** Values that depend on the token embedding: cotangents flow back along these. */
  private readonly hidden: ReadonlySet<string>
  private readonly predictions: number

  constructor(decoder: Decoder, known: Known, job: GradientJob) {
    this.decoder = decoder
    this.known = known
    this.job = job
    this.hidden = new Set(decoder.cut.hidden.flatMap((node) => decoder.index.nodes[node].output))
    this.predictions = predictionsOf(job.windows)
  }

  async run(): Promise<Loss> {
    const { decoder, job } = this
    const { embedding, blocks } = decoder.cut
    await this.forward()
    const sum = await this.throughHead()
    for (let block = blocks.length - 1; block >= 0; block--) {
      const beside = job.beside?.tensorsOf(block)
      const names = [...(beside?.keys() ?? blocks[block].layers.map(({ weight }) => weight.name))]
      const wanted = job.of === 'layers' ? names : null
      const gradients = await this.back(blocks[block], block, wanted, this.weightsOf(block))
      job.onPart(block, gradients)
    }
    if (job.of === 'all') job.onPart('embedding', await this.back(embedding, -1, null))
    decoder.sessions.dropOuterWeights()
    return { loss: sum / this.predictions, tokens: this.predictions }
  }

  private async forward(): Promise<void> {
    const { decoder, job } = this
    const { embedding, blocks } = decoder.cut
    const { windows } = job
    const perBatch = decoder.fixed.batch ?? job.perBatch
    for (let first = 0; first < windows.count; first += perBatch) {
      const count = Math.min(perBatch, windows.count - first)
      const ids = BigInt64Array.from(
        windows.ids.subarray(first * windows.length, (first + count) * windows.length),
        BigInt,
      )
      const values = decoder.graphInputs(ids, count, windows.length)
      const batch: Batch = { first, count, values, streams: [], cotangents: new Map() }
      this.keep(batch, embedding, await decoder.sessions.runPart(embedding, values))
      this.batches.push(batch)
    }
    for (const [block, part] of blocks.entries()) {
      const weights = this.weightsOf(block)
      for (const batch of this.batches) {
        job.signal?.throwIfAborted()
        const before = this.valuesBefore(batch, part, block)
        this.keep(batch, part, await decoder.sessions.runModel(this.modelOf(part, block, before), before, weights))
      }
    }
  }

  private weightsOf(block: number): ReadonlyMap<string, ort.Tensor> {
    const { beside, weightsOf } = this.job
    const weights = this.decoder.sessions.blockTensors(block, weightsOf?.(block))
    for (const [name, tensor] of beside?.tensorsOf(block) ?? []) weights.set(name, tensor)
    return weights
  }

  /** @param position - the number of a block; any other number for embedding and head */
  private modelOf(part: Part, position: number, values: Values): PartModel {
    const { decoder, job } = this
    const model = decoder.sessions.partModelOf(part, outputsOf(part), values)
    return position in decoder.cut.blocks ? (job.beside?.modelOf(position, model) ?? model) : model
  }

  private keep(batch: Batch, part: Part, made: Values): void {
    batch.streams.push(made.get(part.leaves) as ort.Tensor)
    made.delete(part.leaves)
    for (const [name, tensor] of made) batch.values.set(name, tensor)
  }

  private valuesBefore({ values, streams }: Batch, { enters }: Part, position: number): Values {
    return enters === undefined ? values : new Map(values).set(enters, streams[position])
  }

  /** Sum of -log P over all predictions; leaves the cotangent of the stream in front of the head with each batch. */
  private async throughHead(): Promise<number> {
    const { decoder, job } = this
    const { head, blocks } = decoder.cut
    const enters = head.enters ?? ''
    const gradients: WeightGradients = new Map()
    let sum = 0
    for (const batch of this.batches) {
      const stream = batch.streams[blocks.length]
      const back = new Float32Array(stream.size)
      const width = stream.dims[stream.dims.length - 1]
      for (const span of headSpans(decoder, stream, LOGITS_BYTES)) {
        job.signal?.throwIfAborted()
        const { targets, counts } = nextTokens(job.windows, batch.first, span)
        const weights = Float32Array.from(counts, (counted) => (counted ? -1 / this.predictions : 0))
        const values = new Map(batch.values).set(enters, span.stream)
        const step = await this.step(this.modelOf(head, blocks.length, values), values, {
          given: new Map([[LOG_PROBABILITY, new ort.Tensor('float32', weights, targets.dims)]]),
          wantedWeights: job.of === 'all' ? null : [],
          targets,
        })
        back.set(step.values.get(enters)?.data as Float32Array, span.from * width)
        addTo(gradients, this.termsOf(step.weights))
        const log = step.logProbability?.data as Float32Array
        for (const [k, counted] of counts.entries()) if (counted) sum -= log[k]
      }
      batch.cotangents.set(enters, new ort.Tensor('float32', back, stream.dims))
      batch.streams.pop()
    }
    if (job.of === 'all') job.onPart('head', gradients)
    return sum
  }

  private termsOf(gradients: WeightGradients): WeightGradients {
    const { squared, windows } = this.job
    return squared ? meanSquares(gradients, windows.count) : gradients
  }

  /** Takes the cotangents of all batches back through a part. */
  private async back(
    part: Part,
    position: number,
    wantedWeights: readonly string[] | null,
    weights?: ReadonlyMap<string, ort.Tensor>,
  ): Promise<WeightGradients> {
    const gradients: WeightGradients = new Map()
    for (const batch of this.batches) {
      this.job.signal?.throwIfAborted()
      const values = this.valuesBefore(batch, part, position)
      const given = new Map<string, ort.Tensor>()
      for (const value of outputsOf(part)) {
        const cotangent = batch.cotangents.get(value)
        if (cotangent !== undefined) given.set(value, cotangent)
        batch.cotangents.delete(value)
      }
      const step = await this.step(this.modelOf(part, position, values), values, { given, wantedWeights, weights })
      for (const [value, cotangent] of step.values) addCotangent(batch.cotangents, value, cotangent)
      addTo(gradients, this.termsOf(step.weights))
      batch.streams.pop()
    }
    return gradients
  }

  private async step(
    model: PartModel,
    values: Values,
    { given, wantedWeights, weights, targets }: StepJob,
  ): Promise<{ values: Map<string, ort.Tensor>; weights: WeightGradients; logProbability?: ort.Tensor }> {
    const { decoder } = this
    const feeds = decoder.sessions.feeds(model, values, weights)
    if (targets !== undefined) feeds[TARGETS] = targets
    const nameOf = (value: string) => (value === LOG_PROBABILITY ? value : (model.outputs.get(value) as string))
    const wantedValues = [...model.values].filter(([value]) => this.hidden.has(value))
    const wanted = [...model.weights].filter(
      ([weight, name]) => wantedWeights?.includes(weight) ?? isFloat(feeds[name]),
    )
    const names = [...wantedValues, ...wanted].map(([, name]) => name)
    const { session, differentiated } = await this.session(model, feeds, [...given.keys()].map(nameOf), names, targets)
    for (const [value, tensor] of given) feeds[differentiated.cotangents.get(nameOf(value)) as string] = tensor
    const fetches = [...new Set(differentiated.gradients.values()), ...(targets === undefined ? [] : [LOG_PROBABILITY])]
    const out = await session.run(feeds, fetches)
    const read = (pairs: [string, string][]) =>
      pairs.flatMap(([value, name]): [string, ort.Tensor][] => {
        const gradient = differentiated.gradients.get(name)
        return gradient === undefined ? [] : [[value, out[gradient]]]
      })
    return {
      values: new Map(read(wantedValues)),
      weights: new Map(read(wanted).map(([weight, { data }]) => [weight, data as Float32Array])),
      logProbability: out[LOG_PROBABILITY],
    }
  }

  private async session(
    model: PartModel,
    feeds: Record<string, ort.Tensor>,
    given: readonly string[],
    wanted: readonly string[],
    targets: ort.Tensor | undefined,
  ): Promise<{ session: ort.InferenceSession; differentiated: Differentiated }> {
    const { decoder } = this
    const dims = Object.entries(feeds).map(([name, tensor]) => `${name}:${tensor.dims}`)
    const key = `backward:${model.key}:${dims.join()}:${given}:${wanted}`
    let differentiated = this.known.get(key)
    if (differentiated === undefined) {
      const kept = targets === undefined ? [] : [LOG_PROBABILITY]
      const fused = targets === undefined ? model.proto : withLogProbabilities(model)
      const proto = isFused(fused) ? unfuse(fused, await observeShapes(fused, feeds, decoder.threads)) : fused
      differentiated = differentiate(proto, await observeShapes(proto, feeds, decoder.threads), { given, wanted, kept })
      this.known.set(key, differentiated)
    }
    const { proto } = differentiated
    return { session: await decoder.sessions.session(key, () => proto), differentiated }
  }
}

function isFloat(tensor: ort.Tensor): boolean {
  return tensor.type === 'float32'
}

/**
 * The square of a window's own gradient, divided by the number of windows. The given gradient is that of the window's
 * share of the whole loss.
 */
function meanSquares(gradients: WeightGradients, windows: number): WeightGradients {
  return new Map([...gradients].map(([name, gradient]) => [name, gradient.map((g) => windows * g * g)]))
}

function addTo(sums: WeightGradients, terms: WeightGradients): void {
  for (const [name, term] of terms) addGradient(sums, name, term)
}

/** Adds a gradient to the sums. The first of a name is kept as it is, and later ones are added into it. */
export function addGradient(sums: WeightGradients, name: string, term: Float32Array): void {
  const sum = sums.get(name)
  if (sum === undefined) sums.set(name, term)
  else for (let i = 0; i < sum.length; i++) sum[i] += term[i]
}

/** Adds cotangents, since several parts may read a value. */
function addCotangent(sums: Map<string, ort.Tensor>, value: string, term: ort.Tensor): void {
  const known = sums.get(value)
  if (known === undefined) {
    sums.set(value, term)
    return
  }
  const sum = known.data as Float32Array
  const more = term.data as Float32Array
  for (let i = 0; i < sum.length; i++) sum[i] += more[i]
}
