/** Files of texts by the thousand, changed by chance: each is read as it should be, or refused in two lines. */
import assert from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { EMBEDDED_MODEL } from '../../../../scripts/paths.ts'
import { fileSource, tokenStream } from '../../../../src/model/text/text.ts'
import { openTokenizer } from '../../../../src/model/text/tokenizer.ts'
import { instructionRows } from '../../../../src/recover/instructions.ts'
import { type Chance, type FuzzCounts, fuzz, mutateBytes, mutateJson } from '../../../fuzz/frame.ts'

const encoder = await openTokenizer(EMBEDDED_MODEL)

const DOCUMENTS = [
  'To coppice a wood is to cut many trees back together,\r\nso that all of them grow again stronger.',
  'Les taillis sont coupés tous les vingt ans; 萌芽更新, 😀.\n\nIn 1851: {"oak": 12}, [hazel].',
  '"Quoted," she said.\u2028\ttab \\ back',
]
const INSTRUCTIONS = DOCUMENTS.map((output) => ({ instruction: 'Say it.', input: '', output }))

const lines = (values: readonly unknown[]) => values.map((value) => JSON.stringify(value)).join('\n')
const texts = DOCUMENTS.map((text, id) => ({ url: `https://example.org/${id}`, text, meta: { id } }))

/** Contents by form. */
const CONTENTS: Readonly<Record<string, string>> = {
  plain: DOCUMENTS.join('\n\n'),
  lines: lines(texts),
  array: JSON.stringify(texts, null, 1),
  strings: JSON.stringify(DOCUMENTS),
  instructions: lines(INSTRUCTIONS),
  list: JSON.stringify(INSTRUCTIONS),
}

const NAMES = [
  ...['a.txt', 'a', 'a.json', 'a.jsonl', 'A.JSONL', 'a.ndjson', 'a.txt.gz', 'a.json.gz', 'a.md', '.jsonl', 'a.csv'],
  ...['ä b.txt', "it's.json", '-a.txt', '%s.jsonl', 'a\nb.txt', 'a\u001b[31m.jsonl', '\u202etxt.jsonl', 'a.'],
]

/** Marks of other forms and encodings, and what belongs at no place of a text. */
const STRANGE = [
  '\ufeff',
  '\0',
  '\u001b[2J',
  '{"text": "',
  '}\n{',
  '[',
  '\r',
  '\ud800',
  'PAR1',
  '%PDF-1.7',
  '\u0085',
].map((text) => Buffer.from(text))
const STRANGE_BYTES = [
  ...STRANGE,
  ...['1f8b0800', 'fffe', 'feff', 'c3', 'e282', 'f09f98', 'ff'].map((hex) => Buffer.from(hex, 'hex')),
]

/** Long contents, seldom: each costs as much as some hundred others. Some are several parts. */
const LONG: ReadonlyArray<() => string> = [
  () => 'a'.repeat(36_000),
  () => '['.repeat(200_000),
  () => `${'{"text":'.repeat(8_000)}`,
  () => JSON.stringify({ text: 'wood '.repeat(8_000) }),
  () => ' '.repeat(36_000),
  () => '\r\n'.repeat(18_000),
  () => `[${'"a",'.repeat(8_000)}"b"]`,
]

interface Hostile {
  what: string
  name: string
  bytes: Buffer
}

function hostile(chance: Chance): Hostile {
  const told: string[] = []
  const form = chance.of(Object.keys(CONTENTS))
  let bytes: Buffer = Buffer.from(CONTENTS[form])
  if (chance.below(200) === 0) bytes = Buffer.from(chance.of(LONG)())
  else if ((form === 'array' || form === 'list') && chance.below(2) === 0) {
    const { what, content } = mutateJson(chance, CONTENTS[form])
    told.push(what)
    bytes = Buffer.from(content)
  }
  if (chance.below(3) === 0) {
    const at = chance.below(2) === 0 ? 0 : chance.below(bytes.length + 1)
    const strange = chance.of(STRANGE_BYTES)
    told.push(`${strange.toString('hex')} at byte ${at}`)
    bytes = Buffer.concat([bytes.subarray(0, at), strange, bytes.subarray(at)])
  }
  const packing = chance.below(8)
  const changed = (content: Buffer) => {
    const mutation = mutateBytes(chance, content)
    told.push(mutation.what)
    return Buffer.from(mutation.content)
  }
  if (chance.below(3) > 0 && bytes.length > 0) bytes = changed(bytes)
  if (packing < 2) {
    told.push('packed')
    const cut = chance.below(bytes.length + 1)
    bytes =
      packing === 0
        ? gzipSync(bytes)
        : Buffer.concat([bytes.subarray(0, cut), bytes.subarray(cut)].map((part) => gzipSync(part)))
    if (chance.below(2) === 0) bytes = changed(bytes)
  }
  if (chance.below(40) === 0) bytes = Buffer.from(bytes.toString('utf8'), 'utf16le')
  const name = chance.of(NAMES)
  return { what: `${form} as ${JSON.stringify(name)}: ${told.join('; ')}`, name, bytes }
}

/**
 * The tokens that a plain text must give; null: by its first characters it is no plain text, or its end, which is not
 * read, is no text.
 */
async function plainTokens(name: string, bytes: Buffer): Promise<Int32Array | null> {
  if (!/\.(txt|md)$/.test(name) || bytes[0] === 0x1f || !isUtf8(bytes)) return null
  const text = new TextDecoder().decode(bytes) // without the mark in front
  return /^\s*[{[]/.test(text) ? null : encoder.encode([text])
}

export async function fuzzTexts(seed: number, count: number, from = 0): Promise<FuzzCounts> {
  const dir = mkdtempSync(join(tmpdir(), 'coppice-texts-'))
  try {
    return await fuzz({
      seed,
      count,
      from,
      async attempt(chance, tell) {
        const { what, name, bytes } = hostile(chance)
        tell(what)
        const path = join(dir, name)
        writeFileSync(path, bytes)
        if (chance.below(5) === 0) {
          const { rows } = await instructionRows(encoder, path, 0, 128)
          assert.equal(rows.ids.length, rows.count * 128)
          return
        }
        const wanted = chance.of([1, 100, 5000, undefined])
        const separator = chance.of([undefined, undefined, '\n\n', 'wood', '\r\n'])
        const tokens = await tokenStream(encoder, fileSource(path), separator, { wanted })
        assert.ok(tokens.every((id) => Number.isInteger(id)))
        const expected = separator === undefined ? await plainTokens(name, bytes) : null
        if (expected !== null) assert.deepEqual(tokens, expected.slice(0, wanted))
      },
    })
  } finally {
    rmSync(dir, { recursive: true })
  }
}
