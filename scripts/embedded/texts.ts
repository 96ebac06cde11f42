/**
 * The texts that come with the default model: the State of the Union addresses in three periods, and Moby Dick. Each of
 * four sites has one kind. Documents that the model never saw are held out for evaluation. models/texts/README.md says
 * where they come from.
 */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { UsageError } from '../../src/base/errors.ts'
import { filesSource, type TextSource } from '../../src/model/text/text.ts'
import { PACKAGE_ROOT } from '../paths.ts'

const KINDS = ['early', 'middle', 'late', 'novel'] as const
const TEXTS = join(PACKAGE_ROOT, 'models', 'texts')

interface EmbeddedText {
  name: (typeof KINDS)[number]
  /** Path of the documents on which a site calibrates, JSON lines in order of file name. */
  training: string
  /** Path of the documents that the model never saw. */
  held: string
}

/** The texts of all kinds. */
export function embeddedTexts(): EmbeddedText[] {
  return KINDS.map((name) => ({
    name,
    training: join(TEXTS, `${name}.jsonl.gz`),
    held: join(TEXTS, 'held', `${name}.jsonl.gz`),
  }))
}

/** The text on which the site of this kind calibrates. */
export function trainingSource({ name, training }: EmbeddedText): TextSource {
  return { ...filesSource([training]), name }
}

/** The text on which this kind is evaluated. */
export function heldSource({ name, held }: EmbeddedText): TextSource {
  return { ...filesSource([held]), name }
}

/** A text that comes with the package; ./embedded:x is a file. */
const EMBEDDED = 'embedded:'

/**
 * The absolute path of a text as an option names it: a file, or embedded:KIND.
 * @param part - the documents to calibrate on, or those that the embedded model never saw
 * @throws {UsageError} USAGE_VALUE: there is no such kind
 */
export function textPath(given: string, part: 'training' | 'held'): string {
  if (!given.startsWith(EMBEDDED)) return resolve(given)
  const found = embeddedTexts().find(({ name }) => given === `${EMBEDDED}${name}`)
  if (found !== undefined) return found[part]
  throw new UsageError({
    code: 'USAGE_VALUE',
    what: `${given} is none of the texts that come with Coppice`,
    hint: `There are ${KINDS.map((name) => EMBEDDED + name).join(', ')}. A file of that name is ./${given}.`,
  })
}

interface EmbeddedDocument {
  /** The document's name: 1790_george_washington_n.txt. */
  file: string
  text: string
}

/** The documents of one file of an embedded text. */
export function embeddedDocuments(path: string): EmbeddedDocument[] {
  const lines = gunzipSync(readFileSync(path)).toString().trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line) as EmbeddedDocument)
}
