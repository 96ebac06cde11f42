/**
 * Configuration files say which files a model lies in, and in what form. What is written lies in one graph, with its
 * weights inside or in one file beside it, so what these files say of that is corrected; everything else stays.
 */
import { posix } from 'node:path'

const { basename, dirname } = posix

export type Json = Readonly<Record<string, unknown>>

/** What is written, relative to the model's directory. */
export interface WrittenGraph {
  /** With '/'. */
  graph: string
  /** Whether weights lie in a file beside it. */
  external: boolean
}

/** By the names of the files that are corrected. `name`: the file's own, relative to the directory. */
const CORRECTIONS: Readonly<Record<string, (config: Json, written: WrittenGraph, name: string) => Json>> = {
  'config.json': modelConfig,
  'genai_config.json': genaiConfig,
  'ort_config.json': ortConfig,
}

/** Whether a file describes the model: one of these at the top of its directory, or beside the graph. */
export function isCorrected(name: string, { graph }: WrittenGraph): boolean {
  return Object.hasOwn(CORRECTIONS, basename(name)) && ['.', dirname(graph)].includes(dirname(name))
}

/** What such a file is to say. */
export function writtenConfig(name: string, config: unknown, written: WrittenGraph): unknown {
  return isObject(config) ? CORRECTIONS[basename(name)](config, written, name) : config
}

/**
 * Of Hugging Face and transformers.js. `quantization_config` tells how other weights of the base were quantised: what
 * is written never is. The element type (torch_dtype, dtype) is that of the base's own weights and stays with them.
 */
function modelConfig(config: Json, written: WrittenGraph): Json {
  const { quantization_config, ...plain } = config
  const kept = quantization_config === undefined ? config : plain
  const js = kept['transformers.js_config']
  return isObject(js) ? { ...kept, 'transformers.js_config': transformersJs(js, written) } : kept
}

/**
 * transformers.js asks for MODEL.onnx_data, MODEL.onnx_data_1 and so on, as many as `use_external_data_format` says for
 * the graph (true: one), and takes the graph whose suffix follows from `dtype`. Source: resolveExternalDataFormat in
 * its utils/model-loader.js, DEFAULT_DTYPE_SUFFIX_MAPPING in its utils/dtypes.js.
 */
function transformersJs(config: Json, { graph, external }: WrittenGraph): Json {
  const { [FORMAT]: _, ...inside } = config
  const said = external ? { ...config, [FORMAT]: { [basename(graph)]: 1 } } : inside
  const { dtype, device_config: devices } = config
  return {
    ...said,
    ...(dtype !== undefined && { dtype: /_fp16\.onnx$/.test(graph) ? 'fp16' : 'fp32' }),
    ...(isObject(devices) && { device_config: mapped(devices, asForAll) }),
  }
}

const FORMAT = 'use_external_data_format'

/** What is said of one device, without what is the same for all. */
function asForAll(device: unknown): unknown {
  if (!isObject(device)) return device
  const { [FORMAT]: _, dtype, ...rest } = device
  return rest
}

function mapped(object: Json, change: (value: unknown) => unknown): Json {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]))
}

/** Of ONNX Runtime GenAI, whose decoder names the graph's file, relative to this one. */
function genaiConfig(config: Json, { graph }: WrittenGraph, name: string): Json {
  const { model } = config
  if (!isObject(model) || !isObject(model.decoder) || typeof model.decoder.filename !== 'string') return config
  const filename = posix.relative(dirname(name), graph)
  if (posix.normalize(model.decoder.filename) === filename) return config
  return { ...config, model: { ...model, decoder: { ...model.decoder, filename } } }
}

/** Of Optimum. */
function ortConfig(config: Json, { external }: WrittenGraph): Json {
  const said = { one_external_file: true, use_external_data_format: external }
  const wrong = Object.entries(said).filter(([key, value]) => Object.hasOwn(config, key) && config[key] !== value)
  return wrong.length === 0 ? config : { ...config, ...Object.fromEntries(wrong) }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
