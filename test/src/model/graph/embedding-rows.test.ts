import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { describe, it } from 'node:test'
import { EMBEDDED_MODEL } from '../../../../scripts/paths.ts'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { embeddingRows } from '../../../../src/model/graph/embedding-rows.ts'
import { fixturePath } from '../../../support/shared.ts'

describe('rows of the embedding', () => {
  const decoders = fixturePath('decoders')
  const models = [EMBEDDED_MODEL, fixturePath('stories260k')]
  const others = globSync('*/*/config.json', { cwd: decoders }).map((path) => join(decoders, dirname(path)))
  for (const dir of [...models, ...others]) {
    it(`are those of the vocabulary: ${relative(decoders, dir)}`, () => {
      const decoder = Decoder.open(dir, { threads: 1 })
      assert.equal(embeddingRows(decoder.index), decoder.vocabulary)
    })
  }
})
