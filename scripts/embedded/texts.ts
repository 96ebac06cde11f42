/**
 * The texts that come with the default model: the State of the Union addresses in three periods, and Moby Dick. Each of
 * four sites has one kind. Documents that the model never saw are held out for evaluation. models/texts/README.md says
 * where they come from.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
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
