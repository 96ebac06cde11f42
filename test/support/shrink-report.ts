/** The object that `coppice shrink --json` prints, key by key. */
import { z } from 'zod'
import { machineSchema } from '../../scripts/operate/report-schema.ts'
import { calibrationSchema } from './pages/schemas.ts'

const count = z.int().nonnegative()
const pair = z.strictObject({ before: count, after: count })
const speed = z.strictObject({
  tokens: count,
  seconds: z.strictObject({ before: z.number().positive(), after: z.number().positive() }),
  change: z.number().gt(-1),
  spread: z.number().nonnegative(),
  isBeyondNoise: z.boolean(),
})
export const shrinkReport = z.strictObject({
  model: z.string(),
  calibration: calibrationSchema,
  parameters: pair,
  macs: pair,
  removed: z.array(
    z.union([
      z.strictObject({ block: count, kvHeads: count, queryHeads: count, channels: count }),
      z.strictObject({ block: count, whole: z.literal(true) }),
      z.strictObject({ block: count, hiddenChannels: count }),
    ]),
  ),
  perplexity: z.array(
    z.strictObject({
      ...{ text: z.string(), tokens: count, window: count, dense: z.number(), pruned: z.number() },
      recovered: z.number().nullable(),
    }),
  ),
  recovery: z.strictObject({ steps: count, taken: count }).nullable(),
  speed: z.strictObject({
    reading: speed,
    writing: speed.nullable(),
  }),
  bytes: pair,
  seconds: z.number().positive(),
  machine: machineSchema,
  peakMemoryBytes: count,
  out: z.string(),
})
