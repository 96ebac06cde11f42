import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { describe, it } from 'node:test'
import type { KeptFederation } from '../../../../peers/kept/federation.ts'
import { asKept, siteNote } from '../../../../scripts/common/site/site-note.ts'

const NAME = 'hf:clinic/small'
const place = { texts: [], separator: undefined, listen: null, announce: null, proxy: null, evaluation: null }
const given = { ...place, model: NAME, asked: NAME, offline: false, embedded: false }
const keptWith = (model: string) =>
  ({ facts: { site: JSON.parse(JSON.stringify(siteNote({ ...given, model }, null))) } }) as unknown as KeptFederation

describe('the note of a federation with a model of a hub', () => {
  it('goes on with the directory that the model had, whatever is the newest commit by now', () =>
    assert.equal(asKept(given, keptWith(tmpdir())).model, tmpdir()))

  it('takes the model as it is given where that directory is gone, or where another one is given', () => {
    assert.equal(asKept(given, keptWith('/nowhere/snapshots/abc')).model, NAME)
    const other = { ...given, model: 'hf:clinic/large', asked: 'hf:clinic/large' }
    assert.equal(asKept(other, keptWith(tmpdir())).model, 'hf:clinic/large')
  })
})
