/**
 * An opened decoder language model, with all that its files say. Weights are read only on request; `sessions` runs its
 * parts.
 */
import { InputError } from '../../base/errors.ts'
import { assertFiniteLayer } from '../../base/finite.ts'
import type { BlockForm } from '../../form/block-form.ts'
import type { Windows } from '../../form/windows.ts'
import { externalPath } from '../../onnx/external-data.ts'
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
import { blockForm } from '../graph/block-forms.ts'
import { cutDecoder, type DecoderCut } from '../graph/cut.ts'
import { configNumber, type ModelDirectory, maxWindow, openModelDirectory } from '../graph/directory.ts'
import { type FixedSizes, fixedSizes } from '../graph/fixed-sizes.ts'
import { graphInputs } from '../graph/inputs.ts'
import { type Linear, layerName, linearAt } from '../graph/layers.ts'
import { countParameters } from '../graph/parameters.ts'
import { unprunedMatrices } from '../graph/unfollowed.ts'
import { storedCopies, tellApart } from '../graph/untie-weights.ts'
import { Sessions, type Values } from './sessions.ts'

/** From this version on ReduceSum takes its axes as an input, and the axis of Softmax has its usual meaning. */
const MIN_OPSET = 13

export interface LayerInfo {
  name: string
  block: number
  role: number
  rows: number
  cols: number
}

interface DecoderOptions {
  threads?: number
}

export class Decoder {
  readonly directory: ModelDirectory
  /** The graph of the file, for writing. The graph to compute is `lowered.model`. */
  readonly model: OnnxModel
  readonly lowered: Lowered
  readonly cut: DecoderCut
  /** The tensors of the file that hold each layer's weights; more than one where branches have copies. */
  readonly storedTensors: ReadonlyMap<Linear, TensorRef[]>
  /** The form of each block. */
  readonly forms: BlockForm[]
  readonly layers: LayerInfo[]
  /** Matrices of blocks that are not layers. */
  readonly unpruned: ReturnType<typeof unprunedMatrices>
  /** The longest window that the model takes; undefined: config.json does not say. */
  readonly maxWindow: number | undefined
  /** Sizes that the file's graph fixes. */
  readonly fixed: FixedSizes
  readonly vocabulary: number
  readonly threads: number
  /** Runs the parts of the model. */
  readonly sessions: Sessions
  private readonly constants: ConstantSessions

  static open(dir: string, { threads = 2 }: DecoderOptions = {}): Decoder {
    const directory = openModelDirectory(dir)
    const model = readOnnx(directory.onnx)
    assertNotQuantised(model)
    assertInputs(model)
    const constants = new ConstantSessions(directory.onnx)
    try {
      foldConstants(model, constants)
      return new Decoder(directory, threads, model, constants, false)
    } catch (error) {
      constants.close()
      throw error
    }
  }

  /** @param continues - whether the branch that continues a text is computed, if the model has two */
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
    assertOpset(model)
    const { lowered, cut } = lowerAndCut(model, continues)
    this.lowered = lowered
    this.cut = cut
    const layers = this.cut.blocks.flatMap((block) => block.layers)
    this.sessions = new Sessions(this.lowered.model, this.cut, threads)
    this.storedTensors = storedCopies(this.model, this.lowered, this.index, layers)
    this.forms = this.cut.blocks.map(({ layers }) => blockForm(layers))
    this.layers = this.cut.blocks.flatMap(({ layers }, block) => layerInfos(this.index, layers, block))
    this.unpruned = unprunedMatrices(this.index, this.cut.blocks)
    this.maxWindow = maxWindow(directory.config)
    this.vocabulary = configNumber(directory.config, 'vocab_size') ?? 0
    assertFloat32(model, cut)
    this.fixed = fixedSizes(model)
    const { window = 1 } = this.fixed
    // throws if a graph has an input that neither the engine nor the last check can feed
    this.plainInputs(new BigInt64Array(window), 1, window)
    this.graphInputs(new BigInt64Array(window), 1, window)
  }

  /** The number of windows of some length that pass together, about this many tokens; 1 if the graph takes no more. */
  windowsTogether(tokens: number, length: number): number {
    return this.fixed.batch ?? Math.max(1, Math.floor(tokens / length))
  }

  /**
   * One window of at most this many of these tokens. If the graph is fixed at a length, tokens are repeated to that
   * length.
   */
  windowOf(ids: Int32Array, tokens: number): Windows {
    const length = this.fixed.window ?? Math.min(ids.length, tokens)
    return { ids: Int32Array.from({ length }, (_, i) => ids[i % ids.length]), count: 1, length }
  }

  /**
   * The same file, opened with the branch that continues a text; undefined if it has no branches. The caller closes it.
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

  /** The paths of the graph's file and of its weight files, in the order in which the graph names them. */
  get files(): string[] {
    const { onnx } = this.directory
    return [onnx, ...this.model.externalFiles.map((name) => externalPath(onnx, name))]
  }

  get blocks(): number {
    return this.cut.blocks.length
  }

  /** The number of parameters. */
  get parameters(): number {
    return countParameters(this.cut)
  }

  /**
   * Multiplications with weights for each token, including those of the head. Attention's products between tokens do
   * not count.
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

  async close(): Promise<void> {
    await this.sessions.close()
    this.constants.close()
  }
}

/** @throws {InputError} OPSET_OLD */
function assertOpset(model: OnnxModel): void {
  const version = opsetVersion(model)
  if (version >= MIN_OPSET) return
  throw new InputError({
    code: 'OPSET_OLD',
    what: `${model.path} is written in opset ${version}, older than ${MIN_OPSET}`,
    hint: `Export the model with --opset ${MIN_OPSET} or newer.`,
  })
}

/** The graph that is computed, in parts. Layers that share a tensor get copies in the file's own graph first. */
function lowerAndCut(model: OnnxModel, continues: boolean): { lowered: Lowered; cut: DecoderCut } {
  const first = lower(model, continues)
  assertKnownOperators(first.model)
  const cut = cutDecoder(first.model)
  const layers = cut.blocks.flatMap((block) => block.layers)
  if (!tellApart(model, first, layers)) return { lowered: first, cut }
  const lowered = lower(model, continues)
  return { lowered, cut: cutDecoder(lowered.model) }
}

function layerInfos(index: GraphIndex, layers: readonly Linear[], block: number): LayerInfo[] {
  return layers.map((layer, role) => {
    const { rows, cols } = layer
    return { name: layerName(index, layer), block, role, rows, cols }
  })
}

/** @throws {InputError} WEIGHTS_NOT_FLOAT32 */
function assertFloat32({ path }: OnnxModel, { index, blocks }: DecoderCut): void {
  for (const { weight, node } of blocks.flatMap(({ layers }) => layers)) {
    if (weight.dataType === DATA_TYPE.float) continue
    throw new InputError({
      code: 'WEIGHTS_NOT_FLOAT32',
      what: `${path} stores the weights of "${index.nodes[node].name}" as ${typeName(weight.dataType)}, not float32`,
      hint: 'Export the model with float32 weights (--dtype fp32).',
    })
  }
}
