/**
 * Runs of a decoder's parts: embedding, blocks and head as ONNX Runtime sessions. Each distinct part has one session,
 * made once. Weights are read when a block runs, so memory is one block.
 */
import { toBinary } from '@bufbuild/protobuf'
import type { BlockWeights } from '../../form/block-weights.ts'
import { type ModelProto, ModelProtoSchema } from '../../onnx/generated/onnx_pb.js'
import type { OnnxModel } from '../../onnx/model.ts'
import type * as ort from '../../runtime/onnx-runtime.ts'
import { refusing } from '../../runtime/refusing.ts'
import { createSession, dataTypeOf } from '../../runtime/session.ts'
import { distinctInputs } from '../graph/block-forms.ts'
import type { DecoderCut, Part } from '../graph/cut.ts'
import { type PartModel, partModel, type ValueType } from '../graph/part.ts'
import { FedWeights } from './fed-weights.ts'
import { withLogProbabilities } from './log-probabilities.ts'
import { BATCHES, observedModel } from './observe.ts'
import { type Shifts, shiftedModel, shiftTensors } from './output-shift.ts'
import { type Observation, sumNames } from './sums.ts'

/**
 * The number of sessions that keep their memory for the next run. A model of equal blocks has fewer, trained or not;
 * where each block has its own width, the others ask for memory anew each time (measured, 22 widths of SmolLM2-135M in
 * training: 1.3 times as long, in 1.2 GB instead of 5.3).
 */
export const MAX_ARENAS = 12

/** Values of one batch of windows, by their name in the whole graph. */
export type Values = Map<string, ort.Tensor>

export class Sessions {
  private readonly model: OnnxModel
  private readonly cut: DecoderCut
  private readonly threads: number
  private readonly made = new Map<string, Promise<ort.InferenceSession>>()
  private readonly parts = new Map<string, PartModel>()
  private readonly fed: FedWeights
  private tail: Promise<unknown> = Promise.resolve()

  /** @param model - the computed model, and its cut into parts */
  constructor(model: OnnxModel, cut: DecoderCut, threads: number) {
    this.model = model
    this.cut = cut
    this.threads = threads
    const layers = cut.blocks.flatMap((block) => block.layers)
    this.fed = new FedWeights(cut.index, layers)
  }

  /** The number of sessions made so far. */
  get count(): number {
    return this.made.size
  }

  /**
   * Runs one part on one batch and returns the stream at its end and what it passes on.
   * @param into - a tensor of the stream's shape that is no longer needed, to be written over
   * @param shifts - vectors that some layers add to their products
   */
  async runPart(
    part: Part,
    values: Values,
    weights?: ReadonlyMap<string, ort.Tensor>,
    into?: ort.Tensor,
    shifts?: Shifts,
  ): Promise<Values> {
    const given = (value: string) => (value === part.leaves ? into : undefined)
    const model = this.partModelOf(part, outputsOf(part), values)
    if (shifts === undefined || shifts.size === 0) return this.runModel(model, values, weights, given)
    const tensors = new Map([...(weights ?? []), ...shiftTensors(shifts)])
    return this.runModel(this.shifted(model, part, [...shifts.keys()]), values, tensors, given)
  }

  /** Runs the model of a part, or a model made from one. Returns its outputs by their names in the whole graph. */
  async runModel(
    model: PartModel,
    values: Values,
    weights?: ReadonlyMap<string, ort.Tensor>,
    given: (value: string) => ort.Tensor | undefined = () => undefined,
  ): Promise<Values> {
    const session = await this.session(model.key, () => model.proto)
    const fetches = Object.fromEntries([...model.outputs].map(([value, name]) => [name, given(value) ?? null]))
    const fed = await session.run(this.feeds(model, values, weights), fetches)
    // The binding fills what it is given, and hands out a copy of it.
    return new Map([...model.outputs].map(([value, name]) => [value, given(value) ?? fed[name]]))
  }

  /**
   * Sums statistics of the distinct inputs of a block's layers over some batches. For each input: the squares [d], the
   * panels of the Gram matrix, or the moments (see observe.ts).
   * @param values - the values that the block reads on the first of these batches; on the others only the stream
   * differs
   * @param batches - the stream before the block, [batches, ...dims]
   */
  async observe(
    block: number,
    values: Values,
    batches: ort.Tensor,
    weights: ReadonlyMap<string, ort.Tensor>,
    observation: Observation,
  ): Promise<(Float32Array | Float64Array)[][]> {
    const part = this.cut.blocks[block]
    const layers = distinctInputs(part.layers)
    const model = this.partModelOf(
      part,
      layers.map(({ input }) => input),
      values,
    )
    const stream = model.values.get(part.enters ?? '')
    if (stream === undefined) throw new Error('a block that does not read the stream')
    const inputs = layers.map(({ input, cols }) => ({ value: model.inside(input), width: cols }))
    const key = `${observation}:${stream}:${inputs.map(({ value }) => value)}:${model.key}`
    const session = await this.session(key, () => observedModel(model, stream, inputs, observation))
    const feeds = this.feeds(model, values, weights)
    delete feeds[stream]
    const sums = await session.run({ ...feeds, [BATCHES]: batches })
    return inputs.map(({ width }, k) =>
      sumNames(k, width, observation).map((name) => sums[name].data as Float32Array | Float64Array),
    )
  }

  /** Log-probability of each target, [batch, window], from the stream before the head. targets: [batch, window, 1]. */
  async logProbabilities(values: Values, targets: ort.Tensor): Promise<ort.Tensor> {
    const model = this.partModelOf(this.cut.head, outputsOf(this.cut.head), values)
    const session = await this.session(`nll:${model.key}`, () => withLogProbabilities(model))
    const feeds = this.feeds(model, values)
    feeds.targets = targets
    return (await session.run(feeds)).log_probability
  }

  /** Work that uses a block's fed weights, one piece at a time: two streams of one decoder do not mix. */
  exclusive<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.tail.then(work)
    this.tail = turn.catch(() => undefined)
    return turn
  }

  /** Weights of a block as tensors to feed: see FedWeights. */
  blockTensors(block: number, replaced?: BlockWeights): Map<string, ort.Tensor> {
    return this.fed.ofBlock(this.cut.blocks[block], replaced)
  }

  /** The inputs of a part's session: values by their names in the whole graph, and weights. */
  feeds(model: PartModel, values: Values, weights?: ReadonlyMap<string, ort.Tensor>): Record<string, ort.Tensor> {
    const feeds: Record<string, ort.Tensor> = {}
    for (const [value, name] of model.values) {
      const tensor = values.get(value)
      if (tensor === undefined) throw new Error(`value "${value}" has not been computed`)
      feeds[name] = tensor
    }
    for (const [initializer, name] of model.weights)
      feeds[name] = weights?.get(initializer) ?? this.fed.outer(initializer)
    return feeds
  }

  /** Drops the weights outside the blocks, which are large. They are read again when they are needed. */
  dropOuterWeights(): void {
    this.fed.dropOuter()
  }

  /** The model that computes the wanted values of a part. */
  partModelOf(part: Part, wanted: readonly string[], values: Values): PartModel {
    const key = JSON.stringify([part.enters, wanted])
    const known = this.parts.get(key)
    if (known) return known
    const typeOf = (value: string): ValueType => {
      const tensor = values.get(value)
      if (tensor === undefined) throw new Error(`value "${value}" has not been computed`)
      const dims =
        value === part.enters
          ? tensor.dims.map((size, axis) => (axis === tensor.dims.length - 1 ? size : null))
          : tensor.dims.map(() => null)
      return { dataType: dataTypeOf(tensor.type), dims }
    }
    const made = partModel(this.model, this.cut.index, part.nodes, wanted, typeOf)
    this.parts.set(key, made)
    return made
  }

  private shifted(model: PartModel, { leaves }: Part, values: readonly string[]): PartModel {
    const key = JSON.stringify([leaves, values])
    const made = this.parts.get(key) ?? shiftedModel(model, values)
    this.parts.set(key, made)
    return made
  }

  /** The session of a model, made when its key is first asked for. */
  session(key: string, build: () => ModelProto | Promise<ModelProto>): Promise<ort.InferenceSession> {
    const known = this.made.get(key)
    if (known) return known
    const arena = this.made.size < MAX_ARENAS
    const make = async () => createSession(toBinary(ModelProtoSchema, await build()), { threads: this.threads, arena })
    const made = make().then((created) => refusing(created, this.model.path))
    this.made.set(key, made)
    return made
  }

  async close(): Promise<void> {
    for (const session of this.made.values()) await (await session).release()
    this.made.clear()
    this.fed.dropOuter()
  }
}

export function outputsOf({ leaves, passes }: Part): string[] {
  return [leaves, ...passes]
}
