/**
 * The model card (README.md) of a written model. Its front matter is what the Hugging Face Hub reads; its heading says
 * what was done to the base and how the model is loaded; below stands the base's card, if it has one, whose bytes are
 * not decoded, so that any encoding comes through. What was measured of the model is added later: see withResults.
 */
import { parse, stringify } from 'yaml'

/**
 * Front matter, which must stand first for the Hugging Face Hub to read it. Source: its documentation, "Model Cards".
 */
const FRONT_MATTER = /^(?:\xef\xbb\xbf)?---[ \t]*\r?\n((?:.*\r?\n)*?)---[ \t]*(?:\r?\n|$)/

/** Entries of the base's front matter that hold for the written model too. Its measurements do not. */
const INHERITED = ['license', 'license_name', 'license_link', 'language']
/** Characters of an entry, and entries of a list: a few times those of any licence or list of languages. */
const MAX_ENTRY_LENGTH = 200
const MAX_ENTRIES = 200

/** Places of the results in the card. Markdown does not show them. */
const [RESULTS, RESULTS_END] = ['<!-- results of Coppice -->', '<!-- /results of Coppice -->']

/** The facts in a card besides the base's own. */
/** Programs that run a model with keys and values of earlier positions. ONNX Runtime itself runs every graph. */
type Program = 'transformers.js' | 'Optimum' | 'ONNX Runtime GenAI'

interface CardFacts {
  /** Tells how the base was changed: a sentence or more, without mark-up. */
  done: string
  /** The base's id on the Hub, OWNER/NAME; null if it is not known. */
  base: string | null
  /** The file with the base's licence; null if there is none. */
  licence: string | null
  /** The programs that load the model, and the reason why one does not, the end of a sentence; null: it does. */
  programs: Readonly<Record<Program, string | null>>
}

/** Whether a file is the card at the top of a directory. */
export function isCard(name: string): boolean {
  return /^readme\.md$/i.test(name)
}

/** The card of a written model. @param base - the base's card; null if it has none */
export function cardOf(base: Buffer | null, facts: CardFacts): Buffer {
  const { body, front } = parts(base ?? Buffer.of())
  const of = base === null || body.length === 0 ? [] : [Buffer.from(`\n${HEADING_OF_BASE}\n\n`), body]
  return Buffer.concat([Buffer.from(headingFor(inheritedFrom(front), facts)), ...of])
}

const HEADING_OF_BASE =
  '# Model card of the base\n\nIts numbers (quality, size, speed) are those of the base, not of this model.'

/** Whether a card ends with the base's card, without front matter: under a heading, or as it is. */
export function holdsCard(base: Buffer, card: Buffer): boolean {
  const { body } = parts(base)
  return card.subarray(Math.max(0, card.length - body.length)).equals(body)
}

/**
 * A card with what was measured of its model, in place of earlier results.
 * @param section - Markdown
 * @returns null if the card has no place for it: somebody has written another one
 */
export function withResults(card: Buffer, section: string): Buffer | null {
  const [begin, end] = [card.indexOf(RESULTS), card.indexOf(RESULTS_END)]
  if (begin === -1 || end < begin) return null
  const from = begin + RESULTS.length
  return Buffer.concat([card.subarray(0, from), Buffer.from(`\n${section.trim()}\n`), card.subarray(end)])
}

/** Text as it is in Markdown, on one line: nothing in it is mark-up, a link or HTML. */
export function plainMarkdown(text: string): string {
  const line = text.replaceAll(/[\p{C}\p{Z}]+/gu, ' ').slice(0, MAX_ENTRY_LENGTH)
  return line.trim().replaceAll(/[!-,:-@[-`{-~]|\.(?!\d)/g, (mark) => `\\${mark}`)
}

function parts(card: Buffer): { front: string; body: Buffer } {
  const [all = '', inner = ''] = FRONT_MATTER.exec(card.toString('latin1')) ?? []
  return { front: Buffer.from(inner, 'latin1').toString(), body: card.subarray(all.length) }
}

type Entries = Record<string, string | string[]>

/** The fields that hold for the written model too; none where the front matter is not understood. */
function inheritedFrom(front: string): Entries {
  let found: unknown
  try {
    found = parse(front, { maxAliasCount: 0, logLevel: 'silent' })
  } catch {
    return {}
  }
  if (typeof found !== 'object' || found === null) return {}
  const entries = Object.entries(found).filter(([key, value]) => INHERITED.includes(key) && isEntry(value))
  return Object.fromEntries(entries)
}

function isEntry(value: unknown): value is string | string[] {
  if (typeof value === 'string') return value.length <= MAX_ENTRY_LENGTH
  return (
    Array.isArray(value) &&
    value.length <= MAX_ENTRIES &&
    value.every((each) => typeof each === 'string' && isEntry(each))
  )
}

function headingFor(inherited: Entries, { base, done, licence, programs }: CardFacts): string {
  const named = licence !== null && inherited.license === undefined
  const front = {
    ...inherited,
    ...(named && { license: 'other', license_link: licence }),
    ...(base !== null && { base_model: base }),
    library_name: 'transformers.js',
    pipeline_tag: 'text-generation',
    tags: ['coppice', 'pruned', 'onnx', 'transformers.js'],
  }
  const { license } = inherited
  const terms =
    license !== undefined
      ? `Licence of the base, under which this model comes too: ${plainMarkdown(String(license))}.`
      : licence !== null
        ? `Licence of the base: see ${plainMarkdown(licence)}.`
        : 'The directory of the base names no licence: ask whoever made it before you pass this model on.'
  return [
    `---\n${stringify(front)}---`,
    '# Made smaller or sparser with Coppice',
    done,
    base === null ? terms : `Base: ${plainMarkdown(base)}. ${terms}`,
    `${RESULTS}\n${RESULTS_END}`,
    '## How to load it',
    loading(programs),
  ]
    .join('\n\n')
    .concat('\n')
}

function loading(programs: CardFacts['programs']): string {
  const all = Object.entries(programs) as [Program, string | null][]
  const able = ['ONNX Runtime', ...all.filter(([, why]) => why === null).map(([name]) => name)]
  const unable = all.filter(([, why]) => why !== null)
  const can = `The graph is onnx/model.onnx. It loads with no option but this directory in ${LIST.format(able)}.`
  const cannot = unable.map(([name, why]) => `${name} does not run it: ${plainMarkdown(why ?? '')}.`)
  return [[can, ...cannot].join(' '), ...able.flatMap((name) => EXAMPLES[name] ?? [])].join('\n\n')
}

const LIST = new Intl.ListFormat('en')

const EXAMPLES: Readonly<Record<string, string>> = {
  'transformers.js': `\`\`\`js
import { pipeline } from '@huggingface/transformers'
const generate = await pipeline('text-generation', 'DIRECTORY')
\`\`\``,
  Optimum: `\`\`\`python
from optimum.onnxruntime import ORTModelForCausalLM
model = ORTModelForCausalLM.from_pretrained("DIRECTORY")
\`\`\``,
}
