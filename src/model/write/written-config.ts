/**
 * Configuration files name the files of a model and their form. A written model is one graph, with its weights inside
 * or in one file beside it, and the entries about these files are corrected; everything else stays. Graph and weights
 * lie where transformers.js looks for them if nothing else is said; Optimum looks there as well.
 */
import { posix } from 'node:path'
import type { OnnxModel } from '../../onnx/model.ts'
import { DATA_TYPE } from '../../onnx/tensor.ts'

const { basename, dirname } = posix

/** Path of a written graph in its model's directory. */
export const GRAPH_NAME = 'onnx/model.onnx'
/** The file beside it with its weights, if they are not inside: transformers.js takes no other name. */
export const WEIGHTS_NAME = 'model.onnx_data'

export type Json = Readonly<Record<string, unknown>>

/** The written graph. */
export interface WrittenGraph {
  /** Its path relative to the model's directory, with '/'. */
  graph: string
  /** Whether weights lie in a file beside the graph. */
  external: boolean
  /** Whether the graph takes keys and values of earlier positions in fp16. */
  halfPast: boolean
}

/** The fields of configuration files about a graph that lies at `graph`, relative to the directory, with '/'. */
export function writtenGraph({ externalFiles, graph: { input } }: OnnxModel, graph: string): WrittenGraph {
  const halfPast = input.some(
    ({ name, type }) => name.startsWith('past') && type?.tensorType?.elemType === DATA_TYPE.float16,
  )
  return { graph, external: externalFiles.length > 0, halfPast }
}

/**
 * The functions that correct files, by the file's name. Their argument `name` is the file's path relative to the
 * directory.
 */
const CORRECTIONS: Readonly<Record<string, (config: Json, written: WrittenGraph, name: string) => Json>> = {
  'config.json': modelConfig,
  'genai_config.json': genaiConfig,
  'ort_config.json': ortConfig,
}

/** Whether a file is corrected: it is one of these, at the top of the directory or beside the graph. */
export function isCorrected(name: string, { graph }: WrittenGraph): boolean {
  return Object.hasOwn(CORRECTIONS, basename(name)) && ['.', dirname(graph)].includes(dirname(name))
}

/** The corrected content of such a file. */
export function writtenConfig(name: string, config: unknown, written: WrittenGraph): unknown {
  return isObject(config) ? CORRECTIONS[basename(name)](config, written, name) : config
}

/**
 * Corrects the configuration of Hugging Face and transformers.js. `quantization_config` tells how other weights of the
 * base were quantised; a written model is never quantised. The element type (torch_dtype, dtype) is that of the base's
 * own weights, and stays with them.
 */
function modelConfig(config: Json, written: WrittenGraph): Json {
  const { quantization_config, ...plain } = config
  const kept = quantization_config === undefined ? config : plain
  const js = kept['transformers.js_config']
  if (js !== undefined && !isObject(js)) return kept
  return { ...kept, 'transformers.js_config': transformersJs(js ?? {}, written) }
}

/**
 * transformers.js asks for MODEL.onnx_data, MODEL.onnx_data_1 and so on, as many as `use_external_data_format` says for
 * the graph (true: one), and takes the graph whose suffix follows from `dtype`: none for fp32, whatever is inside. In a
 * browser it would look for a quantised graph if nothing was said. `kv_cache_dtype` is the type of the keys and values
 * that it feeds. Source: resolveExternalDataFormat in its utils/model-loader.js, DEFAULT_DTYPE_SUFFIX_MAPPING in its
 * utils/dtypes.js.
 */
function transformersJs(config: Json, { graph, external, halfPast }: WrittenGraph): Json {
  const { [FORMAT]: _, ...inside } = config
  const said = external ? { ...config, [FORMAT]: { [basename(graph)]: 1 } } : inside
  const { device_config: devices } = config
  return {
    ...said,
    dtype: /_fp16\.onnx$/.test(graph) ? 'fp16' : 'fp32',
    ...(halfPast && { kv_cache_dtype: 'float16' }),
    ...(isObject(devices) && { device_config: mapped(devices, asForAll) }),
  }
}

const FORMAT = 'use_external_data_format'

/** The settings of one device without those that hold for all devices. */
function asForAll(device: unknown): unknown {
  if (!isObject(device)) return device
  const { [FORMAT]: _, dtype, ...rest } = device
  return rest
}

function mapped(object: Json, change: (value: unknown) => unknown): Json {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]))
}

/**
 * Corrects the configuration of ONNX Runtime GenAI, whose decoder names the graph's file, relative to the
 * configuration.
 */
function genaiConfig(config: Json, { graph }: WrittenGraph, name: string): Json {
  const { model } = config
  if (!isObject(model) || !isObject(model.decoder) || typeof model.decoder.filename !== 'string') return config
  const filename = posix.relative(dirname(name), graph)
  if (posix.normalize(model.decoder.filename) === filename) return config
  return { ...config, model: { ...model, decoder: { ...model.decoder, filename } } }
}

/** Corrects the configuration of Optimum. */
function ortConfig(config: Json, { external }: WrittenGraph): Json {
  const said = { one_external_file: true, use_external_data_format: external }
  const wrong = Object.entries(said).filter(([key, value]) => Object.hasOwn(config, key) && config[key] !== value)
  return wrong.length === 0 ? config : { ...config, ...Object.fromEntries(wrong) }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
