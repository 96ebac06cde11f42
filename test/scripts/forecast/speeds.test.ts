import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { speedsOf } from '../../../scripts/forecast/speeds.ts'
import { evaluation, type ModelSize, type Prune, pruning } from '../../../scripts/progress/job-cost.ts'
import type { Pace } from '../../../src/jobs/model/pace.ts'

const FORM = {
  inputs: [64, 256],
  layers: [
    { rows: 64, cols: 64, input: 0 },
    { rows: 64, cols: 256, input: 1 },
  ],
}
const MODEL: ModelSize = { parameters: 1_000_000, blocks: 4, forms: Array.from({ length: 4 }, () => FORM) }
const JOB: Prune = { pruner: 'sparsegpt', as: 'stored', blocks: [0, 1, 2, 3], windows: { count: 64, length: 128 } }
const WEIGHTS = 64 * 64 + 64 * 256

/** A machine on which a token takes so many seconds of a phase, and a block so many besides. */
function paceOf(forward: number, statistics: number, solve: number, fixed: number): Pace {
  const of = (tokens: number) => ({
    tokens,
    seconds: { forward: fixed + forward * tokens, statistics: statistics * tokens, solve },
  })
  return { block: 1, few: of(128), many: of(512), sessions: 0, portable: null }
}

const near = (value: number, wanted: number, within = 0.02) =>
  assert.ok(Math.abs(value / wanted - 1) <= within, `${value} is not ${wanted}`)

describe('the speeds of a machine', () => {
  it('give the time of more text and more blocks than were measured', () => {
    const speeds = speedsOf(MODEL, 'sparsegpt', paceOf(1e-4, 2e-4, 0.5, 0.1), { head: null, start: 0 })
    const written = WEIGHTS / speeds.written
    near(pruning({ ...MODEL, speeds }, JOB).cost, 4 * (64 * 128 * 3e-4 + 0.5 + 0.1 + written))
  })

  it('tell the head from the blocks', () => {
    const head = { tokens: 128, seconds: 1.28 }
    const speeds = speedsOf(MODEL, 'wanda', paceOf(1e-4, 1e-4, 0.1, 0), { head, start: 3 })
    const windows = { count: 10, length: 128 }
    near(evaluation({ ...MODEL, speeds }, windows).cost, 3 + 1280 * (4e-4 + 1e-2), 0.05)
  })

  it('are those of the work alone where no text is read', () => {
    const nothing = { tokens: 0, seconds: { forward: 0, statistics: 0, solve: 2 } }
    const pace = { block: 1, few: nothing, many: nothing, sessions: 0, portable: null }
    const speeds = speedsOf(MODEL, 'magnitude', pace, { head: null, start: 0 })
    const job = { ...JOB, pruner: 'magnitude', windows: undefined } satisfies Prune
    near(pruning({ ...MODEL, speeds }, job).cost, 8 + (4 * WEIGHTS) / speeds.written)
  })

  it('stay believable where a busy machine took longer for less', () => {
    const { many, ...rest } = paceOf(1e-4, 2e-4, 0.5, 0.1)
    const speeds = speedsOf(
      MODEL,
      'sparsegpt',
      { ...rest, few: { ...many, tokens: 128 }, many },
      { head: null, start: 0 },
    )
    for (const [name, speed] of Object.entries(speeds)) {
      if (name === 'start') continue
      assert.ok(speed > 0 && Number.isFinite(speed), name)
    }
    near(pruning({ ...MODEL, speeds }, JOB).cost, 4 * (64 * 128 * 3e-4 + 0.5), 0.6)
  })
})
