/**
 * Statistics of layer inputs that follow from the token alone, over the vocabulary in place of a text. Over a text they
 * are a sum of one known vector a token, weighted by how often the text has it, from which these counts can be solved
 * for. So no site offers them: over the vocabulary they say nothing of any text.
 *
 * All ids of the tokenizer pass in order, window by window, so that id k stands at position k mod window, through the
 * nodes in front of these inputs alone.
 */
import { create } from '@bufbuild/protobuf'
import { nodeMaking, valueInfo } from '../../onnx/build.ts'
import { GraphProtoSchema, type ModelProto, ModelProtoSchema } from '../../onnx/generated/onnx_pb.js'
import { DATA_TYPE } from '../../onnx/tensor.ts'
import * as ort from '../../runtime/onnx-runtime.ts'
import { distinctInputs } from '../graph/block-forms.ts'
import type { Part } from '../graph/cut.ts'
import { layerName } from '../graph/layers.ts'
import type { PartModel } from '../graph/part.ts'
import { observeShapes } from '../graph/shapes.ts'
import { mixingAt, type Way, wayTo } from '../graph/token-inputs.ts'
import type { Decoder } from './decoder.ts'
import { type InputStatistics, Totals } from './input-statistics.ts'
import type { Values } from './sessions.ts'
import { integers, type Observation, type ObservedInput, type Sum, sumsOf } from './sums.ts'

/** The only block with such inputs: in front of every later one stands its attention. */
export const FIRST_BLOCK = 0

export interface Vocabulary {
  /** All ids of the tokenizer, ascending. */
  ids: Int32Array
  /** Tokens a window: as many as in the windows of the text. */
  window: number
}

/** An input that would follow from the token alone, but for an operator that mixes positions. */
export interface MixedInput {
  /** The first layer that reads it. */
  layer: string
  operator: string
}

interface TokenInputs {
  /** One entry a distinct input of the first block; undefined: it does not follow from the token alone. */
  ways: (Way | undefined)[]
  mixed: MixedInput[]
}

/** Tokens that pass at once. Nothing here grows with the square of a window. */
const BATCH_TOKENS = 4096
/** Sizes of the run that shows which axes operators touch. */
const SHOWN = { batch: 2, window: 3 }
/** The input that says how many rows of a batch count. */
const ROWS = 'rows'

/**
 * The inputs of the first block's layers that follow from the token alone, and those that some operator keeps from it.
 * An input behind attention is neither.
 */
export async function tokenInputs(decoder: Decoder): Promise<TokenInputs> {
  const { index, cut } = decoder
  const layers = distinctInputs(cut.blocks[FIRST_BLOCK].layers)
  const ways = layers.map(({ input }) => wayTo(cut, input))
  const plain = ways.filter(({ attends, mixing }) => !attends && mixing === undefined)
  const shapeOf = plain.length === 0 ? () => [] : await shapesOf(decoder, plain)
  const { batch, window } = shownSizes(decoder)
  const mixing = ways.map((way) => (plain.includes(way) ? mixingAt(cut, way, batch * window, shapeOf) : way.mixing))
  return {
    ways: ways.map((way, k) => (plain.includes(way) && mixing[k] === undefined ? way : undefined)),
    mixed: layers.flatMap((layer, k) => {
      const operator = ways[k].attends ? undefined : mixing[k]
      return operator === undefined ? [] : [{ layer: layerName(index, layer), operator }]
    }),
  }
}

/**
 * Statistics over the vocabulary of the first block's inputs: one entry a distinct input; undefined where it does not
 * follow from the token alone. `tokens`: the number of ids.
 */
export async function observeVocabulary(
  decoder: Decoder,
  { ids, window }: Vocabulary,
  observation: Observation,
): Promise<((InputStatistics & { tokens: number }) | undefined)[]> {
  const { ways } = await tokenInputs(decoder)
  const widths = decoder.forms[FIRST_BLOCK].inputs
  const found = ways.flatMap((way, k) => (way === undefined ? [] : [{ way, width: widths[k], k }]))
  const out = ways.map((): (InputStatistics & { tokens: number }) | undefined => undefined)
  if (found.length === 0) return out
  const totals = found.map(({ width }) => new Totals(width, observation))
  const batch = Math.min(decoder.windowsTogether(BATCH_TOKENS, window), Math.ceil(ids.length / window))
  for (let first = 0; first < ids.length; first += batch * window) {
    const rows = Math.min(batch * window, ids.length - first)
    // A batch is full: what stands behind the last id is not counted.
    const tokens = BigInt64Array.from({ length: batch * window }, (_, i) => BigInt(ids[first + (i % rows)]))
    const sums = await sumsOfBatch(decoder, found, observation, decoder.graphInputs(tokens, batch, window), rows)
    for (const [k, total] of totals.entries()) total.add(sums[k])
  }
  decoder.sessions.dropOuterWeights()
  for (const [at, { k }] of found.entries()) out[k] = { ...totals[at].statistics(), tokens: ids.length }
  return out
}

/** The sums of each input over the first rows of a batch. */
async function sumsOfBatch(
  decoder: Decoder,
  found: readonly { way: Way; width: number }[],
  observation: Observation,
  values: Values,
  rows: number,
): Promise<(Float32Array | Float64Array)[][]> {
  const { sessions } = decoder
  const model = modelOf(
    decoder,
    found.map(({ way }) => way),
    values,
  )
  const inputs = found.map(({ way, width }) => ({ value: model.inside(way.value), width }))
  const sums = inputs.map(({ width }, k) => sumsOf({ value: counted(k), width }, k, observation))
  const key = `vocabulary:${observation}:${inputs.map(({ value }) => value)}:${model.key}`
  const session = await sessions.session(key, () => summedModel(model, inputs, sums.flat()))
  const feeds = sessions.feeds(model, values)
  feeds[ROWS] = new ort.Tensor('int64', BigInt64Array.of(BigInt(rows)), [1])
  const out = await session.run(feeds)
  return sums.map((own) => own.map(({ term }) => out[term].data as Float32Array | Float64Array))
}

/** The model of a part whose outputs are the sums over the first rows of its inputs. */
function summedModel(part: PartModel, inputs: readonly ObservedInput[], sums: readonly Sum[]): ModelProto {
  const { irVersion, opsetImport, graph: inner } = part.proto
  if (inner === undefined) throw new Error('a part without a graph')
  const rows = inputs.flatMap(({ value }, k) => [
    nodeMaking(`all${k}`, 'Reshape', [value, `all_rows${k}`]), // [tokens, width]
    nodeMaking(counted(k), 'Slice', [`all${k}`, 'first_row', ROWS]), // [rows, width]
  ])
  const graph = create(GraphProtoSchema, {
    name: 'vocabulary',
    node: [...inner.node, ...rows, ...sums.flatMap(({ nodes }) => nodes)],
    initializer: [
      ...inner.initializer,
      integers('first_row', [1], [0]),
      ...inputs.map(({ width }, k) => integers(`all_rows${k}`, [2], [-1, width])),
      ...sums.flatMap(({ constants }) => constants),
    ],
    input: [...inner.input, valueInfo(ROWS, { dataType: DATA_TYPE.int64, dims: [1] })],
    output: sums.map(({ term }) => valueInfo(term)),
  })
  return create(ModelProtoSchema, { irVersion, opsetImport, graph })
}

function counted(k: number): string {
  return `counted${k}`
}

/** The model of all nodes on these ways. */
function modelOf(decoder: Decoder, ways: readonly Way[], values: Values): PartModel {
  const wanted = ways.map(({ value }) => value)
  const nodes = [...new Set(ways.flatMap((way) => way.nodes))].sort((a, b) => a - b)
  const part: Part = { nodes, enters: undefined, leaves: wanted[0], passes: wanted.slice(1) }
  return decoder.sessions.partModelOf(part, wanted, values)
}

/** The shapes of all values on these ways, in a run of windows of the shown sizes. */
async function shapesOf(decoder: Decoder, ways: readonly Way[]): Promise<(value: string) => readonly number[]> {
  const { batch, window } = shownSizes(decoder)
  const values = decoder.graphInputs(new BigInt64Array(batch * window), batch, window)
  const model = modelOf(decoder, ways, values)
  const { shapes } = await observeShapes(model.proto, decoder.sessions.feeds(model, values), decoder.threads)
  return (value) => shapes.get(model.inside(value)) ?? []
}

function shownSizes({ fixed }: Decoder): { batch: number; window: number } {
  return { batch: fixed.batch ?? SHOWN.batch, window: fixed.window ?? SHOWN.window }
}
