/**
 * A sliced model's weights in the form of Hugging Face: under the names of PyTorch's parameters, matrices [out, in]. If
 * the base has a model.safetensors, its tensors are cut at the same places as the graph's; the two are matched by their
 * content. Otherwise the names are those that the exporter left in the graph.
 */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../../base/errors.ts'
import { narrow } from '../../form/fp16.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import { readJson } from '../../model/graph/directory.ts'
import { type Linear, linearAt } from '../../model/graph/layers.ts'
import { trainedTensors } from '../../model/graph/parameters.ts'
import { floatValues, type Orientation, orientationOf } from '../../model/write/equal-tensors.ts'
import {
  isGenaiName,
  isParameterName,
  moduleOf,
  nodesReading,
  possibleNames,
} from '../../model/write/parameter-names.ts'
import { readSafetensors, type WrittenTensor, writeSafetensors } from '../../model/write/safetensors.ts'
import type { GraphIndex } from '../../onnx/graph.ts'
import { cutTensor, DATA_TYPE, isFloating, readTransposed, type TensorRef, tensorBytes } from '../../onnx/tensor.ts'
import { placesByTensor } from '../cut/cut-members.ts'
import type { Removal } from '../find/removal.ts'

const FILE = 'model.safetensors'
const CONFIG = 'config.json'

/** Writes model.safetensors beside `written`, the sliced model of `base`. @throws {InputError} UNIFORM_NAMES */
export function writeHuggingFace(base: Decoder, removals: readonly Removal[], written: Decoder): void {
  const given = join(base.directory.dir, FILE)
  const tensors = existsSync(given) ? cutTensors(base, removals, readSafetensors(given)) : namedTensors(base, written)
  writeTensors(written.directory.dir, tensors)
}

/**
 * Writes model.safetensors beside `changed`: the file of `base`, with the layers of `changed`.
 * @throws {InputError} UNIFORM_NAMES, SAFETENSORS_UNREADABLE
 */
export function rewriteHuggingFace(base: Decoder, changed: Decoder): void {
  const given = readSafetensors(join(base.directory.dir, FILE))
  const others = new Map<string, WrittenTensor>()
  for (const [block, { layers }] of base.cut.blocks.entries()) {
    for (const [role, { weight }] of layers.entries()) {
      const { tensor, orientation } = twinOf(base, block, weight, given, others)
      const own = changed.cut.blocks[block].layers[role].weight
      const stored = changed.lowered.stored.get(own.name) ?? own
      const bytes = () => (orientation === 'same' ? tensorBytes(stored) : transposed(own, stored))
      others.set(tensor.name, { name: tensor.name, dims: tensor.dims, dataType: stored.dataType, bytes })
    }
  }
  const tensors = [...given.values()].map((tensor) => others.get(tensor.name) ?? asStored(tensor.name, tensor))
  writeTensors(changed.directory.dir, tensors)
}

/** The names of element types in config.json, by ONNX's number. */
const ELEMENT_TYPES: Readonly<Record<number, string>> = {
  [DATA_TYPE.bfloat16]: 'bfloat16',
  [DATA_TYPE.float16]: 'float16',
  [DATA_TYPE.float]: 'float32',
  [DATA_TYPE.double]: 'float64',
}

/**
 * Writes the file, and the type in which transformers then loads it into config.json: one that holds all numbers of the
 * file.
 */
function writeTensors(dir: string, tensors: readonly WrittenTensor[]): void {
  writeSafetensors(join(dir, FILE), tensors)
  const types = new Set(tensors.map(({ dataType }) => ELEMENT_TYPES[dataType]).filter((type) => type !== undefined))
  const [only] = types
  const type = types.size === 1 ? only : types.has('float64') ? 'float64' : 'float32'
  const path = join(dir, CONFIG)
  const config = readJson(path)
  const wrong = ['torch_dtype', 'dtype'].filter((key) => typeof config[key] === 'string' && config[key] !== type)
  if (wrong.length === 0) return
  for (const key of wrong) config[key] = type
  writeFileSync(path, `${JSON.stringify(config, null, 2)}\n`)
}

/**
 * Checks, before anything is removed, that the tensors of the base have names that can be told.
 * @throws {InputError} UNIFORM_NAMES, or as readSafetensors
 */
export function assertNames(base: Decoder): void {
  const given = join(base.directory.dir, FILE)
  if (existsSync(given)) readSafetensors(given)
  else namedTensors(base, base)
}

/** The tensors of the base's file, each cut at the places where its counterpart in the graph was cut. */
function cutTensors(
  base: Decoder,
  removals: readonly Removal[],
  given: ReadonlyMap<string, TensorRef>,
): WrittenTensor[] {
  const cut = new Map<string, TensorRef>()
  for (const { block, removed } of removals) {
    for (const [name, axes] of placesByTensor(removed)) {
      const tensor = base.index.initializers.get(name)
      if (tensor === undefined || !isFloating(tensor.dataType)) continue
      const twin = twinOf(base, block, tensor, given, cut)
      let smaller = twin.tensor
      for (const [axis, gone] of axes) {
        const own = twin.orientation === 'same' ? axis : 1 - axis
        const places = Array.from({ length: smaller.dims[own] }, (_, place) => place)
        smaller = cutTensor(
          smaller,
          own,
          places.filter((place) => !gone.has(place)),
        )
      }
      cut.set(twin.tensor.name, smaller)
    }
  }
  return [...given.values()].map((tensor) => asStored(tensor.name, cut.get(tensor.name) ?? tensor))
}

/**
 * The tensor of the file with the same content as a tensor of the graph, if no other tensor has taken it. @throws
 * {InputError} UNIFORM_NAMES
 */
function twinOf(
  { index, cut, directory }: Decoder,
  block: number,
  tensor: TensorRef,
  given: ReadonlyMap<string, TensorRef>,
  taken: ReadonlyMap<string, unknown>,
): { tensor: TensorRef; orientation: Orientation } {
  const values = floatValues(tensor)
  const equal = [...given.values()].flatMap((other) => {
    const orientation = taken.has(other.name) ? undefined : orientationOf(tensor.dims, values, other)
    return orientation === undefined ? [] : [{ tensor: other, orientation }]
  })
  const wanted = possibleNames(index, tensor, cut.blocks[block].nodes)
  const named = equal.filter(({ tensor: { name } }) =>
    wanted.some((each) => name === each || name.endsWith(`.${each}`)),
  )
  const candidates = named.length > 0 ? named : equal
  if (candidates.length === 1) return candidates[0]
  const found = candidates.length === 0 ? 'nothing that equals' : 'several tensors that equal'
  throw new InputError({
    code: 'UNIFORM_NAMES',
    what: `${join(directory.dir, FILE)} holds ${found} "${tensor.name}" of block ${block} of the graph`,
    hint: 'Export the graph from that very file; or move the file away: names are then taken from the graph.',
  })
}

/**
 * The tensors of a graph written from the base's, under the names that its exporter left. @throws {InputError}
 * UNIFORM_NAMES
 */
function namedTensors(base: Decoder, written: Decoder): WrittenTensor[] {
  const { cut, index, directory } = written
  const inHead = cut.head.nodes.flatMap((node) => linearAt(index, node) ?? [])
  const layers = new Map(
    [...cut.blocks.flatMap((block) => block.layers), ...inHead].map((layer) => [layer.weight, layer]),
  )
  const tied = directory.config.tie_word_embeddings === true
  const tensors = new Set([...trainedTensors(cut), ...(tied ? [] : inHead.map(({ weight }) => weight))])
  const named = [...tensors].flatMap((tensor) => {
    const found = namesOf(written, tensor, layers.get(tensor), tied)
    if (found === undefined) throw nameless(base, `"${tensor.name}"`)
    return found
  })
  const names = new Set(named.map(({ name }) => name))
  if (names.size < named.length) throw nameless(base, 'two of them would have one name')
  return named.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** A tensor under its name, or under two if an embedding is the head as well; undefined if its name cannot be told. */
function namesOf(
  { index, lowered }: Decoder,
  tensor: TensorRef,
  layer: Linear | undefined,
  tied: boolean,
): WrittenTensor[] | undefined {
  const stored = lowered.stored.get(tensor.name)
  if (stored === undefined || isGenaiName(tensor.name)) return undefined
  const readers = nodesReading(index, tensor.name).length
  if (layer === undefined && readers > 1) return undefined // one tensor stands for several equal ones
  const module = layer && moduleOf(index.nodes[layer.node].name)
  if (isParameterName(tensor.name)) {
    const own = asStored(tensor.name, stored)
    if (layer === undefined || tied || readers === 1) return [own]
    return module === undefined ? undefined : [own, { ...own, name: `${module}.weight` }]
  }
  if (layer === undefined || module === undefined) return undefined
  const name = `${rootOf(index, module)}${module}.weight`
  if (layer.stored === 'out-in') return [asStored(name, stored)]
  return [{ name, dims: [layer.rows, layer.cols], dataType: stored.dataType, bytes: () => transposed(tensor, stored) }]
}

/** The prefix that names of parameters have before the modules of blocks, and names of nodes have not. */
function rootOf(index: GraphIndex, module: string): string {
  const [block] = /^.*?\.\d+\./.exec(module) ?? []
  if (block === undefined) return ''
  const known = [...index.initializers.keys()].find((name) => isParameterName(name) && name.includes(block))
  return known === undefined ? '' : known.slice(0, known.indexOf(block))
}

function asStored(name: string, tensor: TensorRef): WrittenTensor {
  return { name, dims: tensor.dims, dataType: tensor.dataType, bytes: () => tensorBytes(tensor) }
}

/** The transpose of a tensor as bytes, in the element type of the file. */
function transposed(tensor: TensorRef, { dataType }: TensorRef): Uint8Array {
  const values = readTransposed(tensor)
  return new Uint8Array(dataType === DATA_TYPE.float16 ? narrow(values).bits.buffer : values.buffer)
}

function nameless({ directory }: Decoder, what: string): InputError {
  return new InputError({
    code: 'UNIFORM_NAMES',
    what: `the Hugging Face names of the tensors of ${directory.onnx} are unknown: ${what}`,
    hint: "Put the base's model.safetensors into its directory, or export the graph with Optimum.",
  })
}
