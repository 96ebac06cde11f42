import { test } from 'node:test'
import { agreeInKeys, agreeWithCrash, crashes } from './crashes.ts'

const POINTS = 200
const SEEDS = 150

for (const method of ['wanda', 'sparsegpt', 'llm-pruner'] as const) {
  for (const members of [4, 7]) {
    test(`${members} members agree whoever of them is killed at any of ${POINTS} moments: ${method}`, () => {
      const moments = crashes({ members, method }, POINTS)
      for (const { at } of moments)
        for (let member = 0; member < members; member++) agreeWithCrash({ members, method, at, member })
    })

    test(`${members} members agree over ${SEEDS} seeds of bad weather: ${method}`, () => {
      for (let seed = 0; seed < SEEDS; seed++) agreeInKeys(members, 1000 + seed, { method })
    })
  }
}
