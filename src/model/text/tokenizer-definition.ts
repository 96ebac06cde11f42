/** Reads tokenizer.json and compares it with the list of known options (tokenizer-options.ts). */
import { readFileSync } from 'node:fs'
import { InputError } from '../../base/errors.ts'
import { AS_PYTHON_DOES } from './tokenizer-file.ts'
import { ADDED_TOKEN, isObject, type Option, SECTIONS, type Section, TOP_LEVEL } from './tokenizer-options.ts'

export interface TokenizerDefinition {
  /** The file as it stands. */
  text: string
  addedTokens: { id: number; content: string }[]
  /** The model's ids by token; an added token may be here as well. */
  vocabulary: ReadonlyMap<string, number>
  /** Ids that the post-processor puts in front of a text. */
  leading: number[]
}

/** The most levels of sequences within sequences. Real tokenizers have two. */
const MAX_DEPTH = 8
/** The most times that a normalizer may lengthen a text by replacing. Those of real models do not lengthen it. */
const MAX_GROWTH = 1000
/** The most characters of a value that is quoted in a refusal. */
const MAX_QUOTED = 80

/** @throws {InputError} TOKENIZER_UNREADABLE */
export function readTokenizerDefinition(path: string): TokenizerDefinition {
  const text = readText(path)
  try {
    return { text, ...definitionOf(JSON.parse(text)) }
  } catch (cause) {
    if (cause instanceof SyntaxError) throw unreadableTokenizer(path, 'it is no JSON', cause)
    if (cause instanceof OptionError) throw unreadableTokenizer(path, cause.message, cause)
    throw cause
  }
}

/**
 * All ids that a tokenizer can give a text, each once, ascending.
 * @param rows - rows of the model's embedding: ids beyond it are left out; null: the number is not known
 * @throws {InputError} TOKENIZER_UNREADABLE
 */
export function tokenIds(path: string, rows: number | null): Int32Array<ArrayBuffer> {
  const { vocabulary, addedTokens } = readTokenizerDefinition(path)
  const ids = new Set([...vocabulary.values(), ...addedTokens.map(({ id }) => id)])
  return Int32Array.from([...ids].filter((id) => rows === null || id < rows)).sort()
}

export function unreadableTokenizer(path: string, why: string, cause?: unknown): InputError {
  return new InputError({
    code: 'TOKENIZER_UNREADABLE',
    what: `${path} is no tokenizer that can be run: ${why}`,
    hint: `Copy tokenizer.json of the model again, or make it anew. ${AS_PYTHON_DOES}.`,
    cause,
  })
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

function readText(path: string): string {
  let bytes: Buffer
  try {
    bytes = readFileSync(path)
  } catch (cause) {
    throw unreadableTokenizer(path, messageOf(cause), cause)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw unreadableTokenizer(path, 'it is not UTF-8', cause)
  }
}

/** An option that is not known, or whose value is not known. */
class OptionError extends Error {
  constructor(place: string, problem: string) {
    super(`${place} ${problem}`)
  }
}

function quoted(value: unknown): string {
  let text: string
  try {
    text = JSON.stringify(value)
  } catch {
    return 'something nested too deeply'
  }
  return text.length <= MAX_QUOTED ? text : `${text.slice(0, MAX_QUOTED)}…`
}

type Fields = Record<string, unknown>

function definitionOf(root: unknown): Omit<TokenizerDefinition, 'text'> {
  if (!isObject(root)) throw new OptionError('it', `is ${quoted(root)}, not an object`)
  const { added_tokens: added = [], ...rest } = root
  const sections = Object.keys(SECTIONS) as Section[]
  const others = Object.fromEntries(Object.entries(rest).filter(([key]) => !sections.includes(key as Section)))
  checkOptions('', others, TOP_LEVEL)
  for (const section of sections) {
    const component = rest[section] ?? null
    if (component !== null) checkComponent(section, section, component)
    else if (section === 'model') throw new OptionError('model', 'is missing')
  }
  assertGrowth(rest.normalizer as Fields | null | undefined)
  const { vocab } = rest.model as { vocab: Record<string, number> | [string, number][] }
  return {
    addedTokens: addedTokens(added),
    vocabulary: new Map(Array.isArray(vocab) ? vocab.map(([token], id) => [token, id]) : Object.entries(vocab)),
    leading: leadingTokens((rest.post_processor ?? null) as Fields | null, 'post_processor'),
  }
}

function addedTokens(added: unknown): { id: number; content: string }[] {
  if (!Array.isArray(added)) throw new OptionError('added_tokens', `is ${quoted(added)}, not a list`)
  for (const [k, token] of added.entries()) {
    if (!isObject(token)) throw new OptionError(`added_tokens[${k}]`, `is ${quoted(token)}, not an object`)
    checkOptions(`added_tokens[${k}]`, token, ADDED_TOKEN)
  }
  return added as { id: number; content: string }[]
}

function checkComponent(section: Section, place: string, component: unknown, depth = 0): void {
  if (!isObject(component)) throw new OptionError(place, `is ${quoted(component)}, not an object`)
  if (depth > MAX_DEPTH) throw new OptionError(place, `lies more than ${MAX_DEPTH} sequences deep`)
  const { type = section === 'model' ? typeOfModel(component) : undefined, ...options } = component
  if (type === undefined) throw new OptionError(`${place}.type`, 'is missing')
  const known = typeof type === 'string' && Object.hasOwn(SECTIONS[section], type) ? SECTIONS[section][type] : undefined
  if (known === undefined) throw new OptionError(`${place}.type = ${quoted(type)}`, 'is not known')
  checkOptions(place, options, known, depth)
  if (
    type === 'Metaspace' &&
    section === 'pre_tokenizer' &&
    (options.str_rep ?? options.replacement) !== options.replacement
  )
    throw new OptionError(`${place}.str_rep = ${quoted(options.str_rep)}`, 'is not the replacement')
}

/**
 * Files from before 2021 do not name the type of the model. The library tells models apart by their fields, and so does
 * this function.
 */
function typeOfModel(model: Fields): string | undefined {
  if (Array.isArray(model.vocab)) return 'Unigram'
  if ('merges' in model) return 'BPE'
  if ('max_input_chars_per_word' in model) return 'WordPiece'
  return 'vocab' in model ? 'WordLevel' : undefined
}

function checkOptions(place: string, fields: Fields, known: Readonly<Record<string, Option>>, depth = 0): void {
  const placeOf = (key: string) => (place === '' ? key : `${place}.${key}`)
  for (const [key, value] of Object.entries(fields))
    if (!Object.hasOwn(known, key)) throw new OptionError(`${placeOf(key)} = ${quoted(value)}`, 'is not known')
  for (const [key, option] of Object.entries(known)) {
    const value = Object.hasOwn(fields, key) ? fields[key] : undefined
    if ('listOf' in option) checkList(option.listOf, placeOf(key), value, depth)
    else if (!option.safeParse(value).success) {
      if (value === undefined) throw new OptionError(placeOf(key), 'is missing')
      throw new OptionError(`${placeOf(key)} = ${quoted(value)}`, 'is not a value that is known')
    }
  }
}

function checkList(section: Section, place: string, list: unknown, depth: number): void {
  if (list === undefined) throw new OptionError(place, 'is missing')
  if (!Array.isArray(list)) throw new OptionError(place, `is ${quoted(list)}, not a list`)
  for (const [k, component] of list.entries()) checkComponent(section, `${place}[${k}]`, component, depth + 1)
}

/** The factor by which a text becomes longer at most, reached if a pattern matches everywhere. */
function growth(normalizer: Fields): number {
  if (normalizer.type === 'Sequence')
    return (normalizer.normalizers as Fields[]).reduce((product, each) => product * growth(each), 1)
  const put = normalizer.content ?? normalizer.prepend
  return typeof put === 'string' ? Math.max(1, put.length) : 1
}

function assertGrowth(normalizer: Fields | null | undefined): void {
  if (normalizer && growth(normalizer) > MAX_GROWTH)
    throw new OptionError('normalizer', `makes a text more than ${MAX_GROWTH} times as long`)
}

/**
 * The ids that the post-processor puts in front of a text. The ids that it puts behind the text are left out: a text
 * goes on in the next window.
 */
function leadingTokens(processor: Fields | null, place: string): number[] {
  switch (processor?.type) {
    case 'BertProcessing':
    case 'RobertaProcessing':
      return [(processor.cls as [string, number])[1]]
    case 'TemplateProcessing':
      return leadingOfTemplate(processor as unknown as Template, place)
    case 'Sequence': {
      const all = processor.processors as Fields[]
      if (all.reduce((sum, each) => sum + addingProcessors(each), 0) > 1)
        throw new OptionError(`${place}.processors`, 'holds more than one that adds tokens')
      return all.flatMap((each, k) => leadingTokens(each, `${place}.processors[${k}]`))
    }
    default:
      return []
  }
}

function addingProcessors({ type, processors }: Fields): number {
  if (type === 'Sequence') return (processors as Fields[]).reduce((sum, each) => sum + addingProcessors(each), 0)
  return type === 'ByteLevel' ? 0 : 1
}

interface Template {
  single: ({ Sequence: { id: 'A' | 'B' } } | { SpecialToken: { id: string } })[]
  special_tokens: Record<string, { ids: number[] }>
}

function leadingOfTemplate({ single, special_tokens: special }: Template, place: string): number[] {
  const texts = single.filter((piece) => 'Sequence' in piece)
  if (texts.length !== 1 || texts[0].Sequence.id !== 'A')
    throw new OptionError(`${place}.single = ${quoted(single)}`, 'does not hold the text once')
  const ids = single.map((piece, k) => {
    if ('Sequence' in piece) return []
    const { id } = piece.SpecialToken
    if (!Object.hasOwn(special, id))
      throw new OptionError(`${place}.single[${k}] = ${quoted(piece)}`, 'is not among the special_tokens')
    return special[id].ids
  })
  return ids.slice(0, single.indexOf(texts[0])).flat()
}
