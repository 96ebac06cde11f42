/** A tokenizer that has more tokens than the model: see tokenizer-refusals.test.ts for the other ways. */
import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openEngine } from '../../../src/jobs/open-engine.ts'
import { fixturePath } from '../../support/shared.ts'

describe('a token that the embedding of a model has no row for', () => {
  const dir = mkdtempSync(join(tmpdir(), 'coppice-beyond-'))
  const engine = openEngine()
  before(() => {
    cpSync(fixturePath('stories260k'), dir, { recursive: true })
    const path = join(dir, 'tokenizer.json')
    const definition = JSON.parse(readFileSync(path, 'utf8'))
    const added = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: false }
    definition.added_tokens.push({ id: 600, content: 'girl', ...added })
    writeFileSync(path, JSON.stringify(definition))
  })
  after(async () => {
    await engine.close()
    rmSync(dir, { recursive: true })
  })

  it('is refused in a text, unless it is behind the wanted tokens', async () => {
    const source = { name: 'a text', documents: ['One day a girl went out.'] }
    const job = { dir, source, separator: undefined, window: undefined }
    await assert.rejects(engine.run('tokenise', job), {
      code: 'TOKEN_BEYOND_EMBEDDING',
      message: /^token \d+ of a text is 600 \("girl"\), and the model's embedding has 512 rows$/,
    })
    assert.equal((await engine.run('tokenise', { ...job, wanted: 3 })).tokens, 3)
  })

  it('is refused in an instruction', async () => {
    const path = join(dir, 'some.jsonl')
    const lines = [
      { instruction: 'Say cat.', output: 'Cat.' },
      { instruction: 'Who?', output: 'A girl.' },
    ]
    writeFileSync(path, lines.map((line) => JSON.stringify(line)).join('\n'))
    await assert.rejects(engine.run('instructions', { dir, path, length: 256 }), {
      code: 'TOKEN_BEYOND_EMBEDDING',
      message: /of instruction 2 of some.jsonl is 600 \("girl"\)/,
    })
  })
})
