import { test } from 'node:test'
import { agreeInBadWeather, agreeLate, agreeWithRestarts } from './weather.ts'

const SEEDS = 1000

for (const members of [4, 7]) {
  test(`${members} members agree over ${SEEDS} seeds of loss, delay, duplication and as many silent as may be`, () => {
    for (let seed = 0; seed < SEEDS; seed++) agreeInBadWeather(members, seed)
  })
}

test(`proposers who see different contributions certify one value over ${SEEDS} seeds of late votes`, () => {
  for (let seed = 0; seed < SEEDS; seed++) agreeLate(seed)
})

test(`members that restart agree over ${SEEDS} seeds`, () => {
  for (let seed = 0; seed < SEEDS; seed++) agreeWithRestarts(seed)
})
