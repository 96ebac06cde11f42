/**
 * The files beside a written model's graph and weights: the base's, byte for byte, except those that describe the
 * model.
 */
import { chmodSync, copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { unwritable } from '../../base/system-errors.ts'
import { statOf } from '../../files/linked-file.ts'
import { digestOf } from '../../files/stored-file.ts'
import type { OnnxModel } from '../../onnx/model.ts'
import type { Decoder } from '../forward/decoder.ts'
import { TOKENIZER, tokenizerIn } from '../text/tokenizer-file.ts'
import { companionsOf, listCompanions } from './companions.ts'
import { cacheObstacle, GENAI_CONFIG, genaiConfigFor } from './genai-config.ts'
import { hubName } from './hub-name.ts'
import { cardOf, holdsCard, isCard } from './model-card.ts'
import { GRAPH_NAME, isCorrected, type Json, type WrittenGraph, writtenConfig, writtenGraph } from './written-config.ts'

export interface CompanionOptions {
  /** Paths that are not copied: see companionsOf. */
  apart?: readonly string[]
  /**
   * A sentence for the model card that says what was done to the base: see cardOf. Default: the card stays as it is.
   */
  done?: string
  /** Directory of the base that the card names. Default: the decoder's, unless that one is an intermediate step. */
  madeOf?: string
  /** New content of configuration files, by name; a file that is not named keeps the base's. */
  changed?: Readonly<Record<string, Json>>
}

/**
 * Writes the companions of a model to `out`, and genai_config.json if the base has none and ONNX Runtime GenAI can run
 * the graph.
 * @param written - the graph that was written to `out`
 * @throws {InputError} as companionsOf does
 * @throws {OutputError} OUTPUT_UNWRITABLE
 */
export function writeCompanions(
  decoder: Decoder,
  out: string,
  written: OnnxModel,
  { apart = [], done, madeOf = decoder.directory.dir, changed = {} }: CompanionOptions,
): void {
  const graph = writtenGraph(written, GRAPH_NAME)
  const { dir } = decoder.directory
  const { files } = companionsOf(decoder, [...apart, out])
  const card = done === undefined ? undefined : (files.find(isCard) ?? CARD_NAME)
  for (const name of files) {
    if (name === card) continue
    const from = join(dir, name)
    put(out, name, configuration(from, name, graph, changed[name]) ?? { from })
  }
  const genai = files.includes(GENAI_CONFIG) ? { content: null } : genaiConfigIn(out, written, GRAPH_NAME)
  if ('content' in genai && genai.content !== null) put(out, GENAI_CONFIG, asText(genai.content))
  if (done === undefined || card === undefined) return
  const facts = { done, base: hubName(madeOf), licence: files.find(isLicence) ?? null }
  const base = files.includes(card) ? readFileSync(join(dir, card)) : null
  put(
    out,
    card,
    cardOf(base, {
      ...facts,
      programs: {
        'transformers.js': cacheObstacle(written, 'sizes'),
        Optimum: cacheObstacle(written, 'past'),
        'ONNX Runtime GenAI': 'why' in genai ? genai.why : null,
      },
    }),
  )
}

const CARD_NAME = 'README.md'

function isLicence(name: string): boolean {
  return /^licen[cs]e(\.\w+)?$/i.test(name)
}

/** Writes a file of a model's directory. @throws {OutputError} OUTPUT_UNWRITABLE */
function put(out: string, name: string, content: string | Buffer | { from: string }): void {
  const to = join(out, name)
  try {
    mkdirSync(dirname(to), { recursive: true })
    if (typeof content === 'object' && 'from' in content) copy(content.from, to)
    else writeFileSync(to, content)
  } catch (error) {
    throw unwritable(to, error)
  }
}

/** The configuration for GenAI that belongs to a written graph and to the configuration that lies in `dir`. */
function genaiConfigIn(dir: string, model: OnnxModel, graph: string): ReturnType<typeof genaiConfigFor> {
  const [config, generation] = ['config.json', 'generation_config.json'].map((name) => jsonIn(join(dir, name)))
  return genaiConfigFor({ model, config, generation, graph })
}

/** The object in a JSON file; {} if there is none. */
function jsonIn(path: string): Json {
  const size = statOf(path)?.size ?? 0
  const found = size > 0 && size <= MAX_TEXT_BYTES ? parsed(path) : null
  return typeof found === 'object' && found !== null ? found : {}
}

/** Copies a file and lets its owner change the copy, whatever the rights of the base's file are. */
function copy(from: string, to: string): void {
  copyFileSync(from, to)
  chmodSync(to, statSync(to).mode | OWNER_WRITES)
}

const OWNER_WRITES = 0o200

/** The new content of a configuration file; undefined if the base's stays. */
function configuration(path: string, name: string, graph: WrittenGraph, changed: Json | undefined): string | undefined {
  if (!isCorrected(name, graph)) return undefined
  const base = parsed(path)
  const written = writtenConfig(name, changed ?? base, graph)
  return JSON.stringify(written) === JSON.stringify(base) ? undefined : asText(written)
}

function asText(json: unknown): string {
  return `${JSON.stringify(json, null, 2)}\n`
}

/** The content of a JSON file; null if it is not JSON: it then stays as it is. */
function parsed(path: string): Json | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Json
  } catch {
    return null
  }
}

interface ComparedCompanions {
  /** A difference that changes ids, or a file that must not be there, in words; null if there is none. */
  difference: string | null
  /** Other files that are not as they would be written, in one sentence each. */
  notes: string[]
}

/**
 * Compares the files beside a written model with those that writeCompanions would write.
 * @param written - directory of the written model, with its own graph and weights
 * @param place - path of that graph, relative to the directory, with '/'
 */
export function compareCompanions(
  decoder: Decoder,
  written: Pick<Decoder, 'directory' | 'files'>,
  place: string,
): ComparedCompanions {
  const { dir } = written.directory
  const graph = writtenGraph(decoder.model, place)
  const notes: string[] = []
  const base = listCompanions(decoder)
  const found = listCompanions(written)
  const stray = found.left.find(({ why }) => why === 'model')
  const difference = tokenizerFault(decoder.directory.dir, dir) ?? (stray ? strayFault(join(dir, stray.name)) : null)
  for (const name of base.files) {
    if (name === TOKENIZER) continue
    if (!found.files.includes(name)) notes.push(`${name} is missing`)
    else if (!isAsWritten(join(decoder.directory.dir, name), join(dir, name), name, graph))
      notes.push(`${name} differs from the base's`)
  }
  for (const { message } of [...base.faults, ...found.faults]) notes.push(message)
  for (const name of found.files) {
    if (base.files.includes(name)) continue
    if (isCard(name) && !base.files.some(isCard)) continue // the card of a base without one
    if (name !== GENAI_CONFIG) notes.push(`${name} is not the base's`)
    else if (!isGenaiConfig(dir, decoder.model, place)) notes.push(`${name} does not belong to the graph`)
  }
  return { difference, notes }
}

function tokenizerFault(base: string, written: string): string | null {
  const path = join(written, TOKENIZER)
  if (!statOf(path)?.isFile()) return `${path} is missing`
  return isSame(tokenizerIn(base), path) ? null : `${path} differs from the base model's, or cannot be read`
}

/** Whether a written genai_config.json is the one that belongs to the graph. */
function isGenaiConfig(dir: string, model: OnnxModel, place: string): boolean {
  const genai = genaiConfigIn(dir, model, place)
  return 'content' in genai && JSON.stringify(jsonIn(join(dir, GENAI_CONFIG))) === JSON.stringify(genai.content)
}

function strayFault(path: string): string {
  return `${path} is a graph or weights that do not belong to it`
}

function isAsWritten(base: string, written: string, name: string, graph: WrittenGraph): boolean {
  const content = configuration(base, name, graph, undefined)
  if (content === undefined && !isCard(name)) return isSame(base, written)
  if ((statOf(written)?.size ?? 0) > MAX_TEXT_BYTES) return false
  try {
    const found = readFileSync(written)
    return content === undefined ? holdsCard(readFileSync(base), found) : found.equals(Buffer.from(content))
  } catch {
    return false
  }
}

/** The most bytes of a card or a configuration, which are read whole: some hundred times their usual size. */
const MAX_TEXT_BYTES = 2 ** 24

/** Whether both files can be read and hold the same bytes. */
function isSame(base: string, written: string): boolean {
  if (statOf(base)?.size !== statOf(written)?.size) return false
  try {
    return digestOf(base) === digestOf(written)
  } catch {
    return false
  }
}
