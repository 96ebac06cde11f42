import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { firstTokens } from '../../../../src/model/text/parts.ts'
import { KINDS } from '../../../support/models/made-tokenizers.ts'
import { hostileText } from './hostile-texts.ts'

const RUNS = 200

describe('the tokens of many texts, part by part', () => {
  for (const [name, open] of Object.entries(KINDS)) {
    it(`are those of the whole: ${name}`, async () => {
      const encoder = await open()
      await fc.assert(
        fc.asyncProperty(hostileText, async (text) => {
          const all = await firstTokens(encoder, [text], Number.POSITIVE_INFINITY, { name: 'text' })
          assert.deepEqual(all, await encoder.encode([text]))
        }),
        { numRuns: RUNS },
      )
    })
  }
})
