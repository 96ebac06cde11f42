import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { coppice } from '../../../support/command-line.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath } from '../../../support/shared.ts'

const MODEL = ['--model', fixturePath('stories260k'), '--window', '64']
const STORIES = Array.from({ length: 12 }, (_, day) => `On day ${day} Lily went to the wood. She saw a big tree.`)

test('evaluate gives one perplexity to the same documents in every form, and refuses others in two lines', async (context) => {
  const directory = await temporaryDirectory(context)
  const put = (name: string, content: string | Uint8Array) => {
    writeFileSync(join(directory, name), content)
    return join(directory, name)
  }
  const lines = STORIES.map((text) => JSON.stringify({ timestamp: '2019-04-25T12:57:54Z', text })).join('\n')
  const same = [
    put('plain.txt', STORIES.join('\n\n')),
    put('mark.txt', `\ufeff${STORIES.join('\n\n')}`),
    put('c4.json', lines),
    put('lines.txt', lines),
    put('c4.json.gz', gzipSync(lines)),
    put('array.json', JSON.stringify(STORIES, null, 2)),
  ]
  const { exit, stdout, stderr } = await coppice('evaluate', ...MODEL, '--json', '--text', ...same)
  assert.equal(exit, 0, stderr)
  const { texts } = JSON.parse(stdout) as { texts: Array<{ file: string; perplexity: number }> }
  for (const { file, perplexity } of texts) assert.equal(perplexity, texts[0].perplexity, file)
  assert.equal(texts.length, same.length)

  const table = put('data.parquet', Buffer.from('PAR1\x15\x04PAR1'))
  const refused = await coppice('evaluate', ...MODEL, '--text', table)
  assert.deepEqual([refused.exit, refused.stdout], [3, ''])
  assert.match(refused.stderr, /data\.parquet is Parquet.*\n.+\n$/)
})
