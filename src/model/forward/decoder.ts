/**
 * A decoder language model, opened for streaming: embedding, blocks and head as ONNX Runtime sessions. Sessions are
 * made once a distinct part, never once a call; weights are read when a block is run, so memory is one block.
 */
import { toBinary } from '@bufbuild/protobuf'
import { InputError } from '../../base/errors.ts'
import { assertFiniteLayer } from '../../base/finite.ts'
import type { BlockForm } from '../../form/block-form.ts'
import type { BlockWeights } from '../../form/block-weights.ts'
import type { Windows } from '../../form/windows.ts'
import { externalPath } from '../../onnx/external-data.ts'
import { type ModelProto, ModelProtoSchema } from '../../onnx/generated/onnx_pb.js'
import { type GraphIndex, opsetVersion } from '../../onnx/graph.ts'
import { foldConstants } from '../../onnx/lower/fold-constants.ts'
import { lower } from '../../onnx/lower/lower.ts'
import type { Lowered } from '../../onnx/lower/lowered.ts'
import type { OnnxModel } from '../../onnx/model.ts'
import { assertInputs, assertKnownOperators, assertNotQuantised } from '../../onnx/operators/checks.ts'
import { operatorOf } from '../../onnx/operators/table.ts'
import { readOnnx } from '../../onnx/read.ts'
import { DATA_TYPE, readFloats, readTransposed, type TensorRef, transpose, typeName } from '../../onnx/tensor.ts'
import { ConstantSessions } from '../../runtime/constant-sessions.ts'
import type * as ort from '../../runtime/onnx-runtime.ts'
import { refusing } from '../../runtime/refusing.ts'
import { createSession, dataTypeOf } from '../../runtime/session.ts'
import { cutDecoder, type DecoderCut, type Part } from '../graph/cut.ts'
import { configNumber, type ModelDirectory, maxWindow, openModelDirectory } from '../graph/directory.ts'
import { type FixedSizes, fixedSizes } from '../graph/fixed-sizes.ts'
import { graphInputs } from '../graph/inputs.ts'
import { type Linear, layerName, linearAt } from '../graph/layers.ts'
import { countParameters } from '../graph/parameters.ts'
import { type PartModel, partModel, type ValueType } from '../graph/part.ts'
import { unprunedMatrices } from '../graph/unfollowed.ts'
import { storedCopies, tellApart } from '../graph/untie-weights.ts'
import { FedWeights } from './fed-weights.ts'
import { withLogProbabilities } from './log-probabilities.ts'
import { BATCHES, observedModel } from './observe.ts'
import { type Shifts, shiftedModel, shiftTensors } from './output-shift.ts'
import { type Observation, sumNames } from './sums.ts'

/** ReduceSum takes its axes as an input, Softmax its axis as everyone means it, from this version on. */
const MIN_OPSET = 13

/**
 * Sessions that keep what a run needs for the next one. A model of equal blocks has fewer, trained or not; where each
 * block has its own width, the others ask for memory anew each time (measured, 22 widths of SmolLM2-135M in training:
 * 1.3 times as long, in 1.2 GB instead of 5.3).
 */
export const MAX_ARENAS = 12

export interface LayerInfo {
  name: string
  block: number
  role: number
  rows: number
  cols: number
}

/** Values of one batch of windows, by their name in the whole graph. */
export type Values = Map<string, ort.Tensor>

interface DecoderOptions {
  threads?: number
}

export class Decoder {
  readonly directory: ModelDirectory
  /** The graph of the file, which is written. What is computed is `lowered.model`. */
  readonly model: OnnxModel
  readonly lowered: Lowered
  readonly cut: DecoderCut
  /** The tensors of the file that hold each layer's weights; more than one where branches have copies. */
  readonly storedTensors: ReadonlyMap<Linear, TensorRef[]>
  /** By block. */
  readonly forms: BlockForm[]
  readonly layers: LayerInfo[]
  /** Matrices of blocks that are no layers. */
  readonly unpruned: ReturnType<typeof unprunedMatrices>
  /** The longest window the model takes, if config.json says. */
  readonly maxWindow: number | undefined
  /** What the file's graph leaves no choice in. */
  readonly fixed: FixedSizes
  readonly vocabulary: number
  readonly threads: number
  private readonly sessions = new Map<string, Promise<ort.InferenceSession>>()
  private readonly parts = new Map<string, PartModel>()
  private tail: Promise<unknown> = Promise.resolve()
  private readonly fed: FedWeights
  private readonly constants: ConstantSessions

  static open(dir: string, { threads = 2 }: DecoderOptions = {}): Decoder {
    const directory = openModelDirectory(dir)
    const model = readOnnx(directory.onnx)
    assertNotQuantised(model)
    assertInputs(model)
    const constants = new ConstantSessions(directory.onnx)
    foldConstants(model, constants)
    return new Decoder(directory, threads, model, constants, false)
  }

  /** @param continues - which branch is computed, where the model has two: the one that continues a text */
  private constructor(
    directory: ModelDirectory,
    threads: number,
    model: OnnxModel,
    constants: ConstantSessions,
    continues: boolean,
  ) {
    this.directory = directory
    this.threads = threads
    this.model = model
    this.constants = constants
    if (opsetVersion(this.model) < MIN_OPSET) {
      throw new InputError({
        code: 'OPSET_OLD',
        what: `${directory.onnx} is written in opset ${opsetVersion(this.model)}, older than ${MIN_OPSET}`,
        hint: `Export the model with --opset ${MIN_OPSET} or newer.`,
      })
    }
    const first = lower(this.model, continues)
    assertKnownOperators(first.model)
    const firstCut = cutDecoder(first.model)
    const changed = tellApart(
      this.model,
      first,
      firstCut.blocks.flatMap(({ layers }) => layers),
    )
    this.lowered = changed ? lower(this.model, continues) : first
    this.cut = changed ? cutDecoder(this.lowered.model) : firstCut
    const layers = this.cut.blocks.flatMap((block) => block.layers)
    this.fed = new FedWeights(this.index, layers)
    this.storedTensors = storedCopies(this.model, this.lowered, this.index, layers)
    this.forms = this.cut.blocks.map(({ layers }) => blockForm(layers))
    this.layers = this.cut.blocks.flatMap(({ layers }, block) =>
      layers.map((layer, role) => ({
        name: layerName(this.index, layer),
        block,
        role,
        rows: layer.rows,
        cols: layer.cols,
      })),
    )
    this.unpruned = unprunedMatrices(this.index, this.cut.blocks)
    this.maxWindow = maxWindow(directory.config)
    this.vocabulary = configNumber(directory.config, 'vocab_size') ?? 0
    this.assertFloat32()
    this.fixed = fixedSizes(model)
    const { window = 1 } = this.fixed
    // throws for what neither the engine nor the last check could feed
    this.plainInputs(new BigInt64Array(window), 1, window)
    this.graphInputs(new BigInt64Array(window), 1, window)
  }

  /** How many windows of some length pass together, of about so many tokens; one if the graph takes no more. */
  windowsTogether(tokens: number, length: number): number {
    return this.fixed.batch ?? Math.max(1, Math.floor(tokens / length))
  }

  /**
   * One window of these tokens, at most so many; where the graph is fixed at a length, of that length, by repetition.
   */
  windowOf(ids: Int32Array, tokens: number): Windows {
    const length = this.fixed.window ?? Math.min(ids.length, tokens)
    return { ids: Int32Array.from({ length }, (_, i) => ids[i % ids.length]), count: 1, length }
  }

  /**
   * The same file, computed by the branch that continues a text; undefined where it has no branches. Has to be closed.
   */
  otherBranch(): Decoder | undefined {
    if (this.model.subgraphs.size === 0) return undefined
    return new Decoder(this.directory, this.threads, this.model, this.constants, true)
  }

  get index(): GraphIndex {
    return this.cut.index
  }

  get name(): string {
    return this.directory.name
  }

  /** The graph's file, and those of weights beside it in the order in which it names them. */
  get files(): string[] {
    const { onnx } = this.directory
    return [onnx, ...this.model.externalFiles.map((name) => externalPath(onnx, name))]
  }

  /** Sessions made so far. */
  get sessionCount(): number {
    return this.sessions.size
  }

  get blocks(): number {
    return this.cut.blocks.length
  }

  /** Trained numbers. */
  get parameters(): number {
    return countParameters(this.cut)
  }

  /**
   * Multiplications with weights for each token, the head's included; what attention computes between tokens is not.
   */
  get macs(): number {
    const inHead = this.cut.head.nodes.flatMap((node) => linearAt(this.index, node) ?? [])
    const inBlocks = this.cut.blocks.flatMap(({ layers }) => layers)
    return [...inHead, ...inBlocks].reduce((sum, { rows, cols }) => sum + rows * cols, 0)
  }

  /** Whether the head computes each position's logits from that position of the stream alone. */
  get headIsPositionwise(): boolean {
    const { nodes } = this.cut.head
    const own = new Set(nodes.flatMap((node) => this.index.nodes[node].output))
    return nodes.every((node) => {
      const made = this.index.nodes[node]
      const outside = made.input.filter((value) => !this.index.isConstant(value) && !own.has(value))
      return operatorOf(made)?.positionwise && outside.every((value) => value === this.cut.head.enters)
    })
  }

  private assertFloat32(): void {
    for (const { layers } of this.cut.blocks) {
      for (const { weight, node } of layers) {
        if (weight.dataType === DATA_TYPE.float) continue
        throw new InputError({
          code: 'WEIGHTS_NOT_FLOAT32',
          what: `${this.directory.onnx} stores the weights of "${this.index.nodes[node].name}" as ${typeName(weight.dataType)}, not float32`,
          hint: 'Export the model with float32 weights (--dtype fp32).',
        })
      }
    }
  }

  /** Base weights of one block by role, row-major [rows, cols]. @throws {InputError} WEIGHTS_NOT_FINITE */
  baseWeights(block: number): Float32Array<ArrayBuffer>[] {
    return this.cut.blocks[block].layers.map((layer) => {
      const { stored, weight } = layer
      const values = stored === 'out-in' ? readFloats(weight) : readTransposed(weight)
      assertFiniteLayer(layerName(this.index, layer), values)
      return values
    })
  }

  /** Row-major weights in the layout of the file. */
  storedLayout({ stored, rows, cols }: Linear, weight: Float32Array): Float32Array {
    return stored === 'out-in' ? weight : transpose(weight, rows, cols)
  }

  /** Inputs of the computed graph for windows of equal length: no padding, empty past. ids: [batch, window]. */
  graphInputs(ids: BigInt64Array, batch: number, window: number): Values {
    return graphInputs(this.lowered.model, this.directory.config, { ids, batch, window })
  }

  /** The same for the graph of the file. */
  plainInputs(ids: BigInt64Array, batch: number, window: number): Values {
    return graphInputs(this.model, this.directory.config, { ids, batch, window })
  }

  /**
   * Runs one part on one batch and returns the stream at its end and what it passes on.
   * @param into - a tensor of the stream's shape that is no longer needed, to be written over
   * @param shifts - what some layers give besides
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

  /** Runs the model of a part, or what was made of one, and returns its outputs by their names in the whole graph. */
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
   * Sums over some batches of what the distinct inputs of a block's layers are: by input, the squares [d], the panels
   * of the Gram matrix, or the moments (see observe.ts).
   * @param values - what the block reads on the first of these batches; on the others all but the stream is the same
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

  /** What a part's session is fed: values by their names in the whole graph, and weights. */
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

  /** Weights outside the blocks are large: who needs them again reads them again. */
  dropOuterWeights(): void {
    this.fed.dropOuter()
  }

  /** The model that computes the wanted values of a part. */
  partModelOf(part: Part, wanted: readonly string[], values: Values): PartModel {
    const key = JSON.stringify(wanted)
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
    const made = partModel(this.lowered.model, this.index, part.nodes, wanted, typeOf)
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
    const known = this.sessions.get(key)
    if (known) return known
    const arena = this.sessions.size < MAX_ARENAS
    const make = async () => createSession(toBinary(ModelProtoSchema, await build()), { threads: this.threads, arena })
    const made = make().then((created) => refusing(created, this.directory.onnx))
    this.sessions.set(key, made)
    return made
  }

  async close(): Promise<void> {
    for (const session of this.sessions.values()) await (await session).release()
    this.sessions.clear()
    this.fed.dropOuter()
    this.constants.close()
  }
}

export function outputsOf({ leaves, passes }: Part): string[] {
  return [leaves, ...passes]
}

/** The first layer that reads each distinct input, in order. */
function distinctInputs(layers: readonly Linear[]): Linear[] {
  return layers.filter((layer, role) => layers.findIndex(({ input }) => input === layer.input) === role)
}

function blockForm(layers: readonly Linear[]): BlockForm {
  const inputs = distinctInputs(layers)
  return {
    inputs: inputs.map(({ cols }) => cols),
    layers: layers.map(({ rows, cols, input }) => ({
      rows,
      cols,
      input: inputs.findIndex((first) => first.input === input),
    })),
  }
}
