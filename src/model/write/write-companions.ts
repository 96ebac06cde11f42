/**
 * The files beside a written model's graph and weights: the base's, byte for byte, except those that describe the
 * model.
 */
import { chmodSync, copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { unwritable } from '../../base/system-errors.ts'
import { statOf } from '../../files/linked-file.ts'
import { digestOf } from '../../files/stored-file.ts'
import type { Decoder } from '../forward/decoder.ts'
import { TOKENIZER, tokenizerIn } from '../text/tokenizer-file.ts'
import { companionsOf, listCompanions } from './companions.ts'
import { cardUnder, holdsCard, isCard } from './model-card.ts'
import { isCorrected, type Json, type WrittenGraph, writtenConfig } from './written-config.ts'

export interface CompanionOptions {
  /** Paths that are not copied: see companionsOf. */
  apart?: readonly string[]
  /**
   * A sentence for the model card that says what was done to the base: see cardUnder. Default: the card stays as it is.
   */
  done?: string
  /** New content of configuration files, by name; a file that is not named keeps the base's. */
  changed?: Readonly<Record<string, Json>>
}

/**
 * Writes the companions of a model to `out`.
 * @param graph - the graph that was written to `out`
 * @throws {InputError} as companionsOf does
 * @throws {OutputError} OUTPUT_UNWRITABLE
 */
export function writeCompanions(
  decoder: Decoder,
  out: string,
  graph: WrittenGraph,
  { apart = [], done, changed = {} }: CompanionOptions,
): void {
  for (const name of companionsOf(decoder, [...apart, out]).files) {
    const from = join(decoder.directory.dir, name)
    const to = join(out, name)
    const content =
      done !== undefined && isCard(name)
        ? cardUnder(readFileSync(from), done)
        : configuration(from, name, graph, changed[name])
    try {
      mkdirSync(dirname(to), { recursive: true })
      if (content === undefined) copy(from, to)
      else writeFileSync(to, content)
    } catch (error) {
      throw unwritable(to, error)
    }
  }
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
  return JSON.stringify(written) === JSON.stringify(base) ? undefined : `${JSON.stringify(written, null, 2)}\n`
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
 */
export function compareCompanions(
  decoder: Decoder,
  written: Pick<Decoder, 'directory' | 'files'>,
  graph: WrittenGraph,
): ComparedCompanions {
  const { dir } = written.directory
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
  for (const name of found.files) if (!base.files.includes(name)) notes.push(`${name} is not the base's`)
  return { difference, notes }
}

function tokenizerFault(base: string, written: string): string | null {
  const path = join(written, TOKENIZER)
  if (!statOf(path)?.isFile()) return `${path} is missing`
  return isSame(tokenizerIn(base), path) ? null : `${path} differs from the base model's, or cannot be read`
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
