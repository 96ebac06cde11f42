/**
 * The forms of files that hold texts but are not read here, such as packed files, tables and pictures. The first bytes
 * of a file tell its form; its name is used only where bytes say nothing (tables and markup are plain text to a
 * machine).
 */
import { extname } from 'node:path'
import { otherEncoding, otherForm, type TextFile } from './refusals.ts'

/** The number of first bytes that are examined. A tar's mark, the last of all marks, is at byte 257. */
export const HEAD_BYTES = 64 * 1024

export const isGzip = (head: Buffer): boolean => startsWith(head, '1f8b')

/** Names under which the content is JSON; others are plain text unless it is unmistakably JSON. */
const JSON_NAMES = new Set(['.json', '.jsonl', '.jsonlines', '.ndjson', '.jl'])
/** Names under which a text is taken as it stands, whatever marks it contains. */
const PLAIN_NAMES = new Set(['.txt', '.text', '.md'])

/** The name's ending in small letters, without that of gzip: .jsonl for A.JSONL.gz. */
function ending(path: string): string {
  return extname(path.toLowerCase().replace(/\.gz(ip)?$/, ''))
}

export function hasJsonName({ path }: TextFile): boolean {
  return JSON_NAMES.has(ending(path))
}

function hasPlainName({ path }: TextFile): boolean {
  return PLAIN_NAMES.has(ending(path))
}

interface Form {
  /** The form as a noun. */
  form: string
  hint: string
}

const packed = (name: string, program: string): Form => ({
  form: `packed with ${name}`,
  hint: `Unpack it (${program} FILE) and give the unpacked file. Coppice itself unpacks gzip only.`,
})
const columns = (name: string): Form => ({
  form: `${name}, a table in binary`,
  hint: 'Write its column of texts as JSON lines, one {"text": "..."} a line (pandas: to_json(orient="records", lines=True)).',
})
const binary = (name: string): Form => ({ form: name, hint: 'Give a text: UTF-8, plain or in JSON lines.' })
const TABLE: Form = {
  form: 'a table (CSV or TSV)',
  hint: 'Write its column of texts as JSON lines, one {"text": "..."} a line; name it .txt if it is a plain text.',
}
const MARKUP: Form = {
  form: 'markup (HTML or XML)',
  hint: 'Take the text out of it (pandoc -t plain FILE); name it .txt if its marks belong to the text.',
}

/**
 * The marks of forms: the bytes at an offset, in hexadecimal. Sources: the formats' own specifications, and file(1).
 */
const MARKS: ReadonlyArray<[at: number, hex: string, form: Form]> = [
  [0, '28b52ffd', packed('zstd', 'zstd -d')],
  [0, 'fd377a585a00', packed('xz', 'xz -d')],
  [0, '5d00008000', packed('lzma', 'xz -d')],
  [0, '425a68', packed('bzip2', 'bunzip2')],
  [0, '04224d18', packed('lz4', 'lz4 -d')],
  [0, '377abcaf271c', packed('7-Zip', '7z x')],
  [0, '526172211a07', packed('RAR', 'unrar x')],
  [0, '1f9d', packed('compress', 'uncompress')],
  [
    0,
    '504b0304',
    { form: 'a zip archive or an office document', hint: 'Unpack it, or save it as plain text (UTF-8).' },
  ],
  [257, '7573746172', packed('tar', 'tar -xf')],
  [0, '50415231', columns('Parquet')],
  [0, '4152524f57310000', columns('Arrow')],
  [0, 'ffffffff', columns('Arrow (a stream)')],
  [0, '46454131', columns('Feather')],
  [0, '4f626a01', columns('Avro')],
  [0, '4f524311', columns('ORC')],
  [0, '894844460d0a1a0a', columns('HDF5')],
  [0, '53514c69746520666f726d6174203300', columns('SQLite')],
  [0, '934e554d5059', columns('NumPy')],
  [0, '255044462d', { form: 'a PDF document', hint: 'Take the text out of it: pdftotext FILE.' }],
  [0, '7b5c727466', { form: 'an RTF document', hint: 'Save it as plain text (UTF-8).' }],
  [0, 'd0cf11e0a1b11ae1', { form: 'an old office document', hint: 'Save it as plain text (UTF-8).' }],
  [0, '89504e470d0a1a0a', binary('a picture (PNG)')],
  [0, 'ffd8ff', binary('a picture (JPEG)')],
  [0, '7f454c46', binary('a program (ELF)')],
]

/** The forms of content that is text to a machine, by the name's ending. */
const NAMES: Readonly<Record<string, Form>> = {
  '.csv': TABLE,
  '.tsv': TABLE,
  '.htm': MARKUP,
  '.html': MARKUP,
  '.xhtml': MARKUP,
  '.xml': MARKUP,
}

/** @throws {InputError} TEXT_FORM, TEXT_ENCODING: the file is in a form or an encoding that is not read */
export function assertReadable(file: TextFile, head: Buffer): void {
  if (isGzip(head)) throw otherForm(file, 'packed with gzip twice', 'Unpack it once (gunzip FILE).')
  const marked = MARKS.find(
    ([at, hex]) => startsWith(head.subarray(at), hex) && (!isShortWord(hex) || hasControls(head)),
  )
  if (marked) throw otherForm(file, marked[2].form, marked[2].hint)
  const wide = wideEncoding(head)
  if (wide)
    throw otherEncoding(file, `is ${wide}`, `Convert it to UTF-8: iconv -f ${wide.split(' ')[0]} -t UTF-8 FILE > NEW`)
  if (isMostlyNul(head))
    throw otherForm(file, 'binary: much of it is NUL bytes', 'Give a text: UTF-8, plain or in JSON lines.')
  const named =
    NAMES[ending(file.path)] ?? (!hasPlainName(file) && !hasJsonName(file) && startsAsHtml(head) ? MARKUP : undefined)
  if (named) throw otherForm(file, named.form, named.hint)
}

function startsWith(bytes: Buffer, hex: string): boolean {
  return bytes.subarray(0, hex.length / 2).toString('hex') === hex
}

/** A mark of at most this many letters is also a word with which a text may begin: "PAR1 is a gene". */
const WORD_BYTES = 4

function isShortWord(hex: string): boolean {
  return hex.length <= 2 * WORD_BYTES && /^[ -~]*$/.test(Buffer.from(hex, 'hex').toString('latin1'))
}

/** Whether the bytes contain control characters that texts do not have. */
function hasControls(head: Buffer): boolean {
  return head.some((byte) => byte < 0x20 && !(byte >= 0x08 && byte <= 0x0d) && byte !== 0x1b)
}

function startsAsHtml(head: Buffer): boolean {
  return /^\s*<(!doctype html|html)\b/i.test(head.toString('latin1', 0, 1024))
}

/** A share of NUL bytes beyond this one shows that the bytes are not a text's characters. */
const MUCH = 0.1

/**
 * The name of the encoding if it is UTF-32 or UTF-16; null if it is neither. They are told by their byte-order marks.
 * Without one they are told by NUL bytes: these are in every second place where UTF-16 holds Latin letters, and in
 * UTF-8 only where a text holds U+0000.
 */
function wideEncoding(head: Buffer): string | null {
  if (startsWith(head, 'fffe0000') || startsWith(head, '0000feff')) return 'UTF-32'
  if (startsWith(head, 'fffe') || startsWith(head, 'feff')) return 'UTF-16'
  const nul = [0, 0, 0, 0]
  for (const [at, byte] of head.entries()) if (byte === 0) nul[at % 4]++
  const often = nul.map((count) => count > (MUCH * head.length) / 4)
  const pattern = often.map(Number).join('')
  if (pattern === '0111') return 'UTF-32LE without a byte-order mark'
  if (pattern === '1110') return 'UTF-32BE without a byte-order mark'
  if (pattern === '0101') return 'UTF-16LE without a byte-order mark'
  return pattern === '1010' ? 'UTF-16BE without a byte-order mark' : null
}

function isMostlyNul(head: Buffer): boolean {
  let count = 0
  for (const byte of head) if (byte === 0) count++
  return count > MUCH * head.length
}
