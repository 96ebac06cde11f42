/** Tokenizers of test/fixtures/tokenizers, as directories that can be opened. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fixturePath } from '../shared.ts'

type Definition = Record<string, unknown>

function read(name: string): unknown {
  return JSON.parse(readFileSync(join(fixturePath('tokenizers'), name), 'utf8'))
}

interface Definitions {
  bases: Record<string, Definition>
  cases: Record<string, { base: string } & Definition>
}

const { bases, cases } = read('definitions.json') as Definitions

export const TEXTS = read('texts.json') as string[]

/** The ids by name: of each text without what the post-processor adds, and of the first text with it. */
export const EXPECTED = read('expected.json') as Record<string, { ids: number[][]; whole: number[] }>

/** tokenizer.json of a case, by its name. */
export function definitionOf(name: string): Definition {
  const { base, ...changes } = cases[name]
  return { ...bases[base], ...changes }
}

/** A directory with this as its tokenizer.json. */
export function directoryOf(parent: string, definition: unknown): string {
  mkdirSync(parent, { recursive: true })
  const content = typeof definition === 'string' ? definition : JSON.stringify(definition)
  writeFileSync(join(parent, 'tokenizer.json'), content)
  return parent
}
