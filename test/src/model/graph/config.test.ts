import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { headSize, maxWindow } from '../../../../src/model/graph/directory.ts'
import { edited } from '../../../support/models/edited.ts'

const scratch = mkdtempSync(join(tmpdir(), 'coppice-config-'))
after(() => rmSync(scratch, { recursive: true }))

describe('config.json', () => {
  it('is refused where it holds something else than an object', () => {
    const dir = edited(join(scratch, 'model'), () => undefined)
    for (const text of ['null', '[]', '1', '"text"', 'true', '', '{', '\u0000']) {
      writeFileSync(join(dir, 'config.json'), text)
      assert.throws(
        () => Decoder.open(dir),
        { code: 'MODEL_CONFIG', message: /config\.json is missing or no JSON object/ },
        text,
      )
    }
  })

  it('says nothing by numbers that cannot be', () => {
    assert.equal(maxWindow({ max_position_embeddings: 1 }), undefined)
    assert.equal(maxWindow({ max_position_embeddings: -1, n_positions: 64 }), 64)
    assert.equal(headSize({ hidden_size: 64, num_attention_heads: 5 }), undefined)
    assert.equal(headSize({ hidden_size: 64, num_attention_heads: 4 }), 16)
    assert.equal(headSize({ head_dim: 2 ** 53, hidden_size: 64, num_attention_heads: 4 }), 16)
    assert.equal(headSize({ head_dim: 1.5 }), undefined)
  })
})
