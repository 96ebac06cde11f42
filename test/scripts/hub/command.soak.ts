/** Models of a hub in commands that compute, in the library, and in a federation. */
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { evaluate } from '../../../scripts/library/functions.ts'
import { coppice } from '../../support/command-line.ts'
import { COMMIT, REPOSITORY, TestHub } from '../../support/hub/test-hub.ts'

const NAME = `hf:${REPOSITORY}`
const directory = mkdtempSync(join(tmpdir(), 'coppice-test-'))
const words = join(directory, 'words.txt')
const variables = { HF_HUB_CACHE: join(directory, 'hub'), HF_TOKEN: 'hf_verysecrettoken' }
let hub: TestHub

before(async () => {
  hub = await TestHub.start()
  Object.assign(process.env, variables, { HF_ENDPOINT: hub.address })
  writeFileSync(words, 'Once upon a time there was a little girl. '.repeat(20))
})
after(async () => {
  await hub[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

describe('a model of a hub', () => {
  it('writes a model that has the files of the snapshot, and no links', async () => {
    const out = join(directory, 'pruned')
    const line = ['--pruner', 'magnitude', '--sparsity', '0.5', '--out', out]
    const { exit, stderr } = await coppice('prune', '--model', NAME, ...line)
    assert.equal(exit, 0, stderr)
    for (const name of ['config.json', 'tokenizer.json', 'README.md', 'onnx/model.onnx'])
      assert.ok(existsSync(join(out, name)), name)
    assert.match(readFileSync(join(out, 'report.html'), 'utf8'), /clinic\/small@01234567/)
  })

  it('is one of the library as well', async () => {
    const { model, texts } = await evaluate({ model: NAME, offline: true, text: [words], window: 64 })
    assert.ok(model.endsWith(join('snapshots', COMMIT)))
    assert.ok(texts[0].perplexity > 1)
  })

  it('in the doctor is a finding if it cannot be had', async () => {
    const data = join(directory, 'data')
    const { exit, stdout } = await coppice('doctor', '--offline', '--model', 'hf:clinic/other', '--data', data)
    assert.equal(exit, 0)
    assert.match(stdout, /lacks .* of clinic\/other/)
  })
})
