import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { evaluation, type ModelSize, pruning, writing } from '../../../scripts/progress/job-cost.ts'
import { type Work, WorkPlan } from '../../../scripts/progress/work-plan.ts'

/** The shapes of SmolLM2-135M. */
const LAYERS = [
  ...[576, 192, 192].map((rows) => ({ rows, cols: 576, input: 0 })),
  { rows: 576, cols: 576, input: 1 },
  ...[1536, 1536].map((rows) => ({ rows, cols: 576, input: 2 })),
  { rows: 576, cols: 1536, input: 3 },
]
const FORM = { inputs: [576, 576, 576, 1536], layers: LAYERS }
const MODEL: ModelSize = { parameters: 134_515_008, blocks: 30, forms: Array.from({ length: 30 }, () => FORM) }

const blocks = MODEL.forms.map((_, block) => block)
const windows = { count: 8, length: 256 }
const job = { pruner: 'sparsegpt', as: 'stored', blocks, windows } as const

/**
 * Seconds of a prune with SparseGPT on 8 windows of 256 tokens, perplexity on 16 of them before and after, as they were
 * measured on two cores that other programs used as well: evaluation, pruning, writing with its check, evaluation.
 */
const RUN: { work: Work; steps: number; seconds: number }[] = [
  { work: evaluation(MODEL, { count: 16, length: 256 }), steps: 31, seconds: 41.5 },
  { work: pruning(MODEL, job), steps: 30, seconds: 38.4 },
  { work: writing(MODEL), steps: 1, seconds: 8.1 },
  { work: evaluation(MODEL, { count: 16, length: 256 }), steps: 31, seconds: 45.4 },
]

describe('the costs of jobs', () => {
  it('give the time of a prune of 135 million parameters, after a third of it, within 30 percent', () => {
    const clock = { ms: 0 }
    const plan = new WorkPlan(() => clock.ms)
    plan.expect(RUN.map(({ work }) => work))
    const total = RUN.reduce((sum, { seconds }) => sum + seconds, 0)
    const ratios: number[] = []
    for (const { work, steps, seconds } of RUN) {
      const piece = plan.begin(work)
      for (let step = 1; step <= steps; step++) {
        clock.ms += (1000 * seconds) / steps
        piece.reach(step / steps)
        const gone = clock.ms / 1000 / total
        if (gone >= 1 / 3 && gone < 0.9) ratios.push((plan.forecast()?.left ?? 0) / (total * (1 - gone)))
      }
      piece.end()
    }
    assert.ok(ratios.length > 30)
    for (const ratio of ratios) assert.ok(ratio > 0.7 && ratio < 1.3, `${ratio} times what it took`)
  })

  it('grow with text and model', () => {
    const more = { count: 16, length: 256 }
    assert.ok(pruning(MODEL, { ...job, windows: more }).cost > pruning(MODEL, job).cost)
    assert.ok(pruning(MODEL, { ...job, blocks: [0] }).cost < pruning(MODEL, job).cost / 10)
    assert.ok(pruning(MODEL, { ...job, pruner: 'wanda' }).cost < pruning(MODEL, job).cost)
    assert.ok(evaluation(MODEL, more).cost > evaluation(MODEL, windows).cost)
  })
})
