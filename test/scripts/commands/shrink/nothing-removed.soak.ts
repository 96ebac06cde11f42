import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { coppice } from '../../../support/command-line.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath } from '../../../support/shared.ts'

const text = ['--text', 'README.md', '--windows', '2', '--window', '64']

describe('coppice shrink', () => {
  for (const { how, what } of [
    { how: ['--granularity', 'blocks', '--ratio', '0.19'], what: /--ratio 0\.19 .* less than one block of 5/ },
    { how: ['--granularity', 'blocks', '--parameters', '0.01'], what: /--parameters 0\.01 .* leave no block of 5/ },
    { how: ['--granularity', 'blocks', '--blocks', '1:2', '--ratio', '0.9'], what: /no more than one block/ },
    { how: ['--granularity', 'hidden-channels', '--ratio', '0.99'], what: /leave no hidden channel of 64/ },
    { how: ['--ratio', '0.999', '--recover', '2'], what: /leave no head or channel of 172/ },
    { how: ['--importance', 'flap-adaptive', '--ratio', '0.000001'], what: /less than one head or channel of 172/ },
  ]) {
    it(`refuses options that would remove nothing, and leaves no files: ${how.join(' ')}`, async (context) => {
      const out = join(await temporaryDirectory(context), 'out')
      const model = ['--model', fixturePath('stories260k')]
      const argv = [...model, ...text, ...how, '--eval', 'README.md', '--out', out]
      const { exit, stdout, stderr } = await coppice('shrink', ...argv)
      assert.equal(exit, 2, stderr)
      assert.match(stderr, what)
      assert.match(stderr, /^coppice: .+ \(NOTHING_REMOVED\)\nGive .+\.\n$/m)
      assert.doesNotMatch(stderr, /Evaluating/)
      assert.equal(stdout, '')
      assert.ok(!existsSync(out))
    })
  }
})
