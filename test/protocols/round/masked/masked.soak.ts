import { test } from 'node:test'
import { agreeInKeys, agreeWithCrash, agreeWithCrashAt, crashes, placesWithin } from './crashes.ts'

const POINTS = 200
const SEEDS = 150
/** The killed member is back before the others have gone on, or after they have waited for it. */
const BACK_MS = [500, 45_000]

for (const method of ['wanda', 'sparsegpt', 'llm-pruner'] as const) {
  for (const members of [4, 7]) {
    test(`${members} members agree whoever of them is killed at any of ${POINTS} moments: ${method}`, () => {
      const moments = crashes({ members, method }, POINTS)
      for (const { at } of moments)
        for (let member = 0; member < members; member++) agreeWithCrash({ members, method, at, member })
    })

    test(`${members} members agree whoever of them is killed between any two effects of an opening: ${method}`, (context) => {
      let crashes = 0
      for (const opening of [1, 2]) {
        for (const place of placesWithin({ members, method }, opening)) {
          for (const backMs of BACK_MS)
            for (const otherText of [false, true])
              agreeWithCrashAt({ members, method }, place, { backMs, otherText }) && crashes++
        }
      }
      context.diagnostic(`${crashes} crashes`)
    })

    test(`${members} members agree over ${SEEDS} seeds of bad weather: ${method}`, () => {
      for (let seed = 0; seed < SEEDS; seed++) agreeInKeys(members, 1000 + seed, { method })
    })
  }
}
