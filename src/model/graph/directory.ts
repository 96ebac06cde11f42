/** A model directory as Optimum and the onnx-community repositories lay it out. */
import { readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { InputError } from '../../base/errors.ts'
import { danglingLink, statOf } from '../../files/linked-file.ts'

export interface ModelDirectory {
  dir: string
  /** For messages: see modelName. */
  name: string
  onnx: string
  config: Record<string, unknown>
}

/**
 * Places of the graph in a model directory, in the order in which they are looked for: the exporters' own name, then
 * merged, then in fp16; each in the directory itself before `onnx`.
 */
export const GRAPH_PLACES: readonly string[] = [
  'model.onnx',
  'decoder_model_merged.onnx',
  'model_fp16.onnx',
  'decoder_model_merged_fp16.onnx',
].flatMap((name) => [name, `onnx/${name}`])

/** A snapshot of Hugging Face's cache: the repository's folder and the commit. */
const SNAPSHOT = /[/\\]models--([^/\\]+)[/\\]snapshots[/\\]([0-9a-f]{40})$/
/** Digits of a commit that people compare. */
const SHOWN_COMMIT = 8

/** Opens a model directory. @throws {InputError} MODEL_MISSING, MODEL_CONFIG, MODEL_FILE_UNREADABLE */
export function openModelDirectory(dir: string): ModelDirectory {
  return { dir, name: modelName(dir), onnx: graphIn(dir), config: readConfig(dir) }
}

/** The name of a model directory in messages: its own, or of a snapshot OWNER/NAME@COMMIT. */
export function modelName(dir: string): string {
  const path = resolve(dir)
  const snapshot = snapshotAt(path)
  return snapshot === null ? basename(path) : `${snapshot.repository}@${snapshot.commit.slice(0, SHOWN_COMMIT)}`
}

/** The repository, OWNER/NAME, and the commit of a snapshot in Hugging Face's cache; null: it is none. */
export function snapshotAt(path: string): { repository: string; commit: string } | null {
  const [, folder, commit] = SNAPSHOT.exec(path) ?? []
  return folder === undefined ? null : { repository: folder.replace('--', '/'), commit }
}

/** The path of the graph. @throws {InputError} MODEL_MISSING, MODEL_FILE_UNREADABLE */
export function graphIn(dir: string): string {
  if (!statOf(dir)?.isDirectory()) throw danglingLink(dir) ?? missing(dir, 'is not a directory')
  for (const path of graphPaths(dir)) {
    if (statOf(path)?.isFile()) return path
    const dangling = danglingLink(path) // a graph later in the list is another model
    if (dangling !== null) throw dangling
  }
  throw missing(dir, 'holds no model.onnx')
}

/** Whether the directory has a graph in any of the places where a model may have it. */
export function holdsGraph(dir: string): boolean {
  return graphPaths(dir).some((path) => statOf(path) !== null)
}

function graphPaths(dir: string): string[] {
  return GRAPH_PLACES.map((place) => join(dir, place))
}

/** The object in a JSON file of a model. @throws {InputError} MODEL_CONFIG, MODEL_FILE_UNREADABLE */
export function readJson(path: string): Record<string, unknown> {
  try {
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (typeof content !== 'object' || content === null || Array.isArray(content)) throw new TypeError('no object')
    return content as Record<string, unknown>
  } catch (cause) {
    const dangling = danglingLink(path)
    if (dangling !== null) throw dangling
    throw new InputError({
      code: 'MODEL_CONFIG',
      what: `${path} is missing or no JSON object`,
      hint: 'Copy the whole model directory: config.json and tokenizer.json belong to it.',
      cause,
    })
  }
}

function readConfig(dir: string): Record<string, unknown> {
  return readJson(join(dir, 'config.json'))
}

function missing(dir: string, why: string): InputError {
  return new InputError({
    code: 'MODEL_MISSING',
    what: `the model ${dir} ${why}`,
    hint: 'Give --model a directory with config.json, tokenizer.json and model.onnx.',
  })
}

/**
 * A positive whole number of config.json under the first of these names, or undefined. One that a double cannot hold
 * exactly counts as no number: nothing has that many heads or positions.
 */
export function configNumber(config: Record<string, unknown>, ...names: string[]): number | undefined {
  for (const name of names) {
    const value = config[name]
    if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value
  }
  return undefined
}

/**
 * The longest window for which the model was made; undefined if it is not known. A length of 1 counts as not known,
 * since nothing is predicted at it.
 */
export function maxWindow(config: Record<string, unknown>): number | undefined {
  const longest = configNumber(config, 'max_position_embeddings', 'n_positions', 'n_ctx', 'seq_length', 'max_seq_len')
  return longest === 1 ? undefined : longest
}

/** Width of one attention head, for past inputs whose shape the graph leaves open. */
export function headSize(config: Record<string, unknown>): number | undefined {
  const given = configNumber(config, 'head_dim', 'attention_head_size')
  if (given !== undefined) return given
  const hidden = configNumber(config, 'hidden_size', 'n_embd', 'd_model')
  const heads = configNumber(config, 'num_attention_heads', 'n_head', 'num_heads', 'n_heads')
  return hidden !== undefined && heads !== undefined && hidden % heads === 0 ? hidden / heads : undefined
}

/** Number of key/value heads, for past inputs whose shape the graph leaves open. */
export function keyValueHeads(config: Record<string, unknown>): number | undefined {
  return configNumber(
    config,
    'num_key_value_heads',
    'num_kv_heads',
    'num_attention_heads',
    'n_head',
    'num_heads',
    'n_heads',
  )
}
