import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import fc from 'fast-check'
import { documentPieces } from '../../../../src/model/text/documents.ts'
import { MAX_JSON } from '../../../../src/model/text/json.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'

const DOCUMENTS = ['To coppice a wood,\r\ncut it.', ' Déjà 萌芽 😀', 'The end.\n']
const LINES = DOCUMENTS.map((text) => JSON.stringify({ url: 'https://example.org', text })).join('\n')
const ARRAY = JSON.stringify(DOCUMENTS.map((text) => ({ text })))
const PLAIN = 'To coppice a wood is to cut it.\r\n\r\nIt grows again: déjà.\n'
const MARK = '\ufeff'

async function written(context: TestContext, name: string, content: string | Uint8Array): Promise<string> {
  const path = join(await temporaryDirectory(context), name)
  writeFileSync(path, content)
  return path
}

async function documentsOf(path: string, separator?: string): Promise<string[]> {
  const all = ['']
  for await (const { text, last } of documentPieces(path, separator)) {
    all[all.length - 1] += text
    if (last) all.push('')
  }
  assert.equal(all.pop(), '', 'the last document ends')
  return all
}

describe('the documents of a text', () => {
  for (const [name, content, expected] of [
    ['a.jsonl', LINES, DOCUMENTS],
    ['a.json', LINES, DOCUMENTS],
    ['a.JSONL', LINES, DOCUMENTS],
    ['a.ndjson', LINES, DOCUMENTS],
    ['a.jsonlines', `\n\n${LINES}\r\n\n`, DOCUMENTS],
    ['a.txt', LINES, DOCUMENTS],
    ['a', `\n ${LINES}`, DOCUMENTS],
    ['a.jsonl', `${MARK}${LINES}\n${MARK}${LINES}`, [...DOCUMENTS, ...DOCUMENTS]],
    ['a.json', ARRAY, DOCUMENTS],
    ['a.json', JSON.stringify(DOCUMENTS, null, 2), DOCUMENTS],
    ['a.jsonl', ` \n${ARRAY}`, DOCUMENTS],
    ['a.txt', `[\n  {"id": {"n": 1}, "text": "one"},\n  {"text": "two"}\n]`, ['one', 'two']],
    ['a.json', '[]', []],
    ['a.jsonl', '{"text": "a \\ud800 b"}', ['a \ufffd b']],
    ['a.txt', PLAIN, [PLAIN]],
    ['a.txt', MARK + PLAIN, [PLAIN]],
    ['a.txt', `A wood ${MARK}, \0 and more`, [`A wood ${MARK}, \0 and more`]],
    ['a.csv.txt', PLAIN, [PLAIN]],
    ['BZh9.txt', 'BZh9 is how a packed file begins. BZh', ['BZh9 is how a packed file begins. BZh']],
    ['a.txt', 'PAR1 is a gene.', ['PAR1 is a gene.']],
    ['a.txt', '<html> is a tag', ['<html> is a tag']],
    ['a.txt', '{ a brace }\n{"text": "not the first line"}', ['{ a brace }\n{"text": "not the first line"}']],
    ['a.txt', '{"log": "a line"}\n', ['{"log": "a line"}\n']],
    ['a.txt', '{"name": "coppice",\n"text": "x"}', ['{"name": "coppice",\n"text": "x"}']],
    ['a.md', '[1] A note. "text": "x"', ['[1] A note. "text": "x"']],
    ['empty.txt', '', ['']],
  ] as const) {
    it(`are read from ${JSON.stringify(content.slice(0, 24))} in ${name}, packed or not`, async (context) => {
      const path = await written(context, name, content)
      assert.deepEqual(await documentsOf(path), expected)
      const half = Math.floor(content.length / 2)
      const members = Buffer.concat([gzipSync(content.slice(0, half)), gzipSync(content.slice(half))])
      for (const packed of [gzipSync(content), members]) {
        writeFileSync(`${path}.gz`, packed)
        writeFileSync(path, packed)
        assert.deepEqual(await documentsOf(`${path}.gz`), expected)
        assert.deepEqual(await documentsOf(path), expected)
      }
    })
  }

  it('are the texts between separators, wherever a read ends', async (context) => {
    const path = await written(context, 'a.txt', '')
    const part = fc.array(fc.constantFrom('wood', ' ', '\n', '<', '<|', '|>', 'é', '<|end|>'), { maxLength: 12 })
    await fc.assert(
      fc.asyncProperty(fc.array(part), fc.boolean(), async (parts, long) => {
        const text = parts.flat().join('') + (long ? `${' '.repeat(300_000)}<|end|>${'é'.repeat(300_000)}<|end` : '')
        writeFileSync(path, text)
        const expected = text
          .split('<|end|>')
          .map((piece) => piece.trim())
          .filter((piece) => piece !== '')
        assert.deepEqual(await documentsOf(path, '<|end|>'), expected)
      }),
      { numRuns: 60 },
    )
  })

  it('are read no further than they are asked for', async (context) => {
    // Behind what is asked for, the file is no text at all.
    const content = Buffer.concat([Buffer.from('A wood.\n'.repeat(200_000)), Buffer.alloc(1_000_000, 0xff)])
    for (const [name, bytes] of [
      ['a.txt', content],
      ['a.txt.gz', gzipSync(content)],
    ] as const) {
      const pieces = documentPieces(await written(context, name, bytes))
      const { value } = await pieces.next()
      assert.match(value?.text ?? '', /^A wood\.\n/)
      await pieces.return()
    }
  })
})

describe('a text that cannot be read', () => {
  const utf16 = (text: string, mark: boolean) => Buffer.from((mark ? MARK : '') + text, 'utf16le')
  for (const [name, bytes, code, message] of [
    ['a.zst', zstdCompressSync(PLAIN), 'TEXT_FORM', /packed with zstd/],
    ['a.txt.bz2', Buffer.from('425a6839314159265359a8f64610000001158040', 'hex'), 'TEXT_FORM', /packed with bzip2/],
    ['a.xz', Buffer.from('fd377a585a000004e6d6b4460200210116000000', 'hex'), 'TEXT_FORM', /packed with xz/],
    ['a.txt', Buffer.from('504b030414000000', 'hex'), 'TEXT_FORM', /zip archive or an office document/],
    ['a.json', Buffer.from('PAR1\x15\x04PAR1'), 'TEXT_FORM', /Parquet/],
    ['a.arrow', Buffer.from('ffffffff10010000', 'hex'), 'TEXT_FORM', /Arrow/],
    ['a.txt', Buffer.from('%PDF-1.7\n%âãÏÓ'), 'TEXT_FORM', /PDF/],
    ['a.csv', Buffer.from('id,text\n1,a wood\n'), 'TEXT_FORM', /a table/],
    ['a.TSV.gz', gzipSync('id\ttext\n'), 'TEXT_FORM', /a table/],
    ['a.html', Buffer.from('<p>A wood.</p>'), 'TEXT_FORM', /markup/],
    ['a', Buffer.from('\n<!DOCTYPE html><title>A wood</title>'), 'TEXT_FORM', /markup/],
    ['a.bin', Buffer.alloc(1000), 'TEXT_FORM', /NUL/],
    ['a.gz', gzipSync(gzipSync(PLAIN)), 'TEXT_FORM', /gzip twice/],
    ['a.gz', gzipSync(PLAIN).subarray(0, 30), 'TEXT_PACKED', /cut short/],
    ['a.gz', Buffer.concat([gzipSync(PLAIN), Buffer.from('garbage')]), 'TEXT_PACKED', /damaged/],
    ['a.gz', Buffer.from('1f8b', 'hex'), 'TEXT_PACKED', /cut short/],
    ['a.txt', utf16(PLAIN, true), 'TEXT_ENCODING', /is UTF-16$/],
    ['a.jsonl', utf16(LINES, false), 'TEXT_ENCODING', /is UTF-16LE without/],
    ['a.txt', utf16(PLAIN, false).swap16(), 'TEXT_ENCODING', /is UTF-16BE without/],
    ['a.txt', Buffer.from('fffe000041000000', 'hex'), 'TEXT_ENCODING', /is UTF-32/],
    ['a.txt', Buffer.from('One\nand dé', 'latin1'), 'TEXT_ENCODING', /ends in the middle/],
    ['a.txt', Buffer.from('One\nand déjà', 'latin1'), 'TEXT_ENCODING', /byte 10, in line 2,/],
    ['a.jsonl', Buffer.from(`${LINES}\n{"text": "cut`), 'TEXT_JSONL', /line 4 is no valid JSON/],
    ['a.json', Buffer.from('{\n "text": "x"\n}'), 'TEXT_JSONL', /line 1 is no valid JSON/],
    [
      'a.jsonl',
      Buffer.from('{"text": "x"}\n\n{"content": "y", "id": 1}'),
      'TEXT_JSONL',
      /line 3 has no key "text" \(it has "content", "id"\)/,
    ],
    ['a.jsonl', Buffer.from('{"text": null}'), 'TEXT_JSONL', /line 1 has a key "text", but that is null/],
    ['a.jsonl', Buffer.from('{"text": ["x"]}'), 'TEXT_JSONL', /but that is an array/],
    ['a.jsonl', Buffer.from('"x"\n'), 'TEXT_JSONL', /line 1 is a string/],
    ['a.json', Buffer.from('[{"text": "x"}, 7]'), 'TEXT_JSONL', /element 2 is a number/],
    ['a.json', Buffer.from('[{"text": "x"}, {"text": "y"'), 'TEXT_JSONL', /the array is no valid JSON/],
    ['a.txt', Buffer.from('[{"text": "x"}, {"text": "y"'), 'TEXT_JSONL', /the array is no valid JSON/],
    ['a.txt', Buffer.from('{"text": "x"}\nand then prose'), 'TEXT_JSONL', /line 2 is no valid JSON/],
    ['a.jsonl', Buffer.from('['.repeat(500_000)), 'TEXT_JSONL', /the array is no valid JSON/],
    ['a.jsonl', Buffer.from('{"a":'.repeat(200_000)), 'TEXT_JSONL', /line 1 is no valid JSON/],
  ] as const) {
    it(`is refused with ${code} ${message}: ${bytes.toString('latin1', 0, 16).replaceAll(/[^ -~]/g, '.')} in ${name}`, async (context) => {
      const path = await written(context, name, bytes)
      await assert.rejects(documentsOf(path), { code, message })
    })
  }

  it('is refused with the byte and the line that are wrong, in whatever read they stand', async (context) => {
    for (const lines of [0, 1, 87_381, 87_382, 200_000]) {
      const good = Buffer.from('é\n'.repeat(lines))
      const path = await written(context, 'a.txt', Buffer.concat([good, Buffer.from('ab\xe9c', 'latin1')]))
      const message = new RegExp(`byte ${good.length + 3}, in line ${lines + 1},`)
      await assert.rejects(documentsOf(path), { code: 'TEXT_ENCODING', message })
    }
  })

  it('is refused if a line of JSON is longer than can be held', async (context) => {
    const path = await written(context, 'a.jsonl.gz', gzipSync(Buffer.alloc(MAX_JSON + 1024, 'a')))
    await assert.rejects(documentsOf(path), { code: 'TEXT_LONG_LINE', message: /more than 128 million/ })
  })

  it('is refused for what keeps it from being read', async (context) => {
    const path = await written(context, 'a\n\u202e.txt', PLAIN)
    await assert.rejects(documentsOf(`${path}.none`), {
      code: 'TEXT_MISSING',
      message: /a\\u\{a\}\\u\{202e\}.txt.none does not exist$/,
    })
    await assert.rejects(documentsOf(join(path, 'below')), { code: 'TEXT_MISSING' })
    mkdirSync(`${path}.d`)
    await assert.rejects(documentsOf(`${path}.d`), { code: 'TEXT_UNREADABLE', message: /is a directory$/ })
  })

  it('is refused if this user may not read it', {
    skip: process.getuid?.() === 0 && 'root may read everything',
  }, async (context) => {
    const path = await written(context, 'a.txt', PLAIN)
    await chmod(path, 0)
    await assert.rejects(documentsOf(path), { code: 'TEXT_UNREADABLE', message: /may not be read/ })
  })
})
