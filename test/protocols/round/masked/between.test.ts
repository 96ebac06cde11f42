import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listingOf } from '../../../../protocols/round/masked/listing.ts'
import { listRound } from '../../../../protocols/round/masked/phases.ts'
import { MIN_WAIT_MS } from '../../../../protocols/round/messages/constants.ts'
import { agreeWithCrashAt, placesWithin } from './crashes.ts'

/** Places between two effects of an opening at which somebody is killed; the soak test has all. */
const PLACES = 16

const CASES = [
  { method: 'wanda', members: 4 },
  { method: 'wanda', members: 7 },
  { method: 'sparsegpt', members: 4 },
  { method: 'llm-pruner', members: 4 },
] as const

for (const { method, members } of CASES) {
  test(`a member that is killed while it masks and comes back with another text is not in the list: ${method}, ${members} members`, () => {
    const places = placesWithin({ members, method }, 1).filter(({ isMasking }) => isMasking)
    assert.ok(places.length >= members)
    for (const place of places) {
      const crash = { backMs: 500, otherText: true }
      const { certified, federation, members: all } = agreeWithCrashAt({ members, method }, place, crash)
      const round = listRound(1)
      assert.ok(certified.has(round))
      const { entries } = all[0].certificates[round].value
      const others = all.map(({ context }) => context.self).filter((member) => member !== place.member)
      assert.deepEqual(listingOf(federation, 1, entries).listed, others)
    }
  })

  test(`no vector is masked twice and no other sum opened, whoever is killed between two effects: ${method}, ${members} members`, () => {
    const places = placesWithin({ members, method }, 1)
    const step = Math.ceil(places.length / PLACES)
    const some = places.filter((_, i) => i % step === 0)
    assert.ok(some.length > PLACES / 2)
    for (const [i, place] of some.entries()) {
      // Back before the others have gone on, or after they have waited for it; with its text, or with another one.
      const { sums } = agreeWithCrashAt({ members, method }, place, {
        ...{ backMs: i % 2 === 0 ? 500 : 2 * MIN_WAIT_MS, otherText: i % 4 < 2 },
      })
      assert.ok(sums !== null && sums.opened > 0)
    }
  })
}
