import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { agreementOf } from '../../../../src/merge/masks/agreement.ts'
import { Random } from '../../../support/random.ts'

/** The definition: over all ordered pairs of masks, the share of the first one's zeros that the second one has too. */
function byPairs(masks: readonly (readonly boolean[])[]): number {
  let [both, first] = [0, 0]
  for (const a of masks) {
    for (const b of masks) {
      if (a === b) continue
      first += a.filter((zero) => zero).length
      both += a.filter((zero, i) => zero && b[i]).length
    }
  }
  return both / first
}

const votesOf = (masks: readonly (readonly boolean[])[]) =>
  Uint16Array.from(masks[0], (_, i) => masks.filter((mask) => mask[i]).length)

describe('the agreement of masks', () => {
  it('is what all pairs of masks give', () => {
    const random = new Random(3)
    for (let members = 2; members <= 6; members++) {
      const masks = Array.from({ length: members }, () => Array.from(random.normals(40), (value) => value > 0.2))
      const agreement = agreementOf(votesOf(masks), members)
      assert.ok(Math.abs(Number(agreement) - byPairs(masks)) < 1e-12, `${members} members`)
    }
  })

  it('is 1 for masks that are the same, and 0 for masks that share no zero', () => {
    assert.equal(agreementOf(Uint16Array.of(3, 0, 3), 3), 1)
    assert.equal(agreementOf(Uint16Array.of(1, 1, 0), 2), 0)
  })

  it('is unknown of one mask, and of masks without zeros', () => {
    assert.equal(agreementOf(Uint16Array.of(1, 0), 1), null)
    assert.equal(agreementOf(Uint16Array.of(0, 0), 4), null)
  })
})
