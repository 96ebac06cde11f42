import { test } from 'node:test'
import { fuzzTexts } from './fuzz.ts'

const COUNT = 100_000

test('each of 100,000 changed texts is read, or refused in two lines', async (context) => {
  const { accepted, refused, longestMs, grownBytes } = await fuzzTexts(20_261_127, COUNT)
  context.diagnostic(`${accepted} read; refused: ${[...refused].map((entry) => entry.join(' ')).join(', ')}`)
  context.diagnostic(`longest ${Math.round(longestMs)} ms; memory grew by ${grownBytes} bytes`)
})
