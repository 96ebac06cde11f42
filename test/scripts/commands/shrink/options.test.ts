import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type RawShrink, shrinkOptions } from '../../../../scripts/commands/shrink/options.ts'
import { UsageError } from '../../../../src/base/errors.ts'
import type { Shrink } from '../../../../src/jobs/structure/shrink-args.ts'

const GIVEN: RawShrink = { text: ['a'], out: 'b', ratio: 250_000 }
const SOUGHT: RawShrink = { text: ['a'], out: 'b', parameters: 800_000 }
const what = (given: RawShrink) => shrinkOptions(given).what

const FORBIDDEN: readonly (readonly [given: RawShrink, what: RegExp, hint: RegExp])[] = [
  [{ ...GIVEN, parameters: 1 }, /^--ratio and --parameters exclude each other$/, /^Give one of the two/],
  [
    { ...GIVEN, granularity: 'blocks', reduce: 'max' },
    /^--reduce says .* whole blocks and FLAP combine none$/,
    /--reduce/,
  ],
  [
    { ...GIVEN, importance: 'flap', reduce: 'sum' },
    /^--reduce says .* whole blocks and FLAP combine none$/,
    /--reduce/,
  ],
  [
    { ...GIVEN, granularity: 'blocks', importance: 'flap-adaptive' },
    /^--importance flap-adaptive scores heads and channels, not whole blocks$/,
    /^Take another --importance/,
  ],
  [
    { ...GIVEN, granularity: 'blocks', steps: 2 },
    /^--steps computes gradients again after each step; whole/,
    /taylor1/,
  ],
  [{ ...GIVEN, importance: 'flap', steps: 2 }, /^--steps computes gradients again/, /Leave out --steps/],
  [{ ...GIVEN, importance: 'l2', steps: 2 }, /^--steps computes gradients again/, /Leave out --steps/],
  [{ ...GIVEN, importance: 'random', steps: 2 }, /^--steps computes gradients again/, /Leave out --steps/],
  [
    { ...SOUGHT, importance: 'flap' },
    /^--parameters searches by importances of single weights, in one step$/,
    /taylor1/,
  ],
  [{ ...SOUGHT, steps: 2 }, /^--parameters searches by importances of single weights/, /Leave out --steps/],
  [
    { ...GIVEN, importance: 'flap', refit: true },
    /^--refit fits the layers that read removed heads/,
    /Leave out --refit/,
  ],
  [{ ...GIVEN, granularity: 'blocks', refit: true }, /^--refit fits the layers that read removed heads/, /--refit/],
  [{ ...GIVEN, granularity: 'hidden-channels', refit: true }, /hidden channels have no such layers$/, /--refit/],
  [{ ...GIVEN, recoverText: ['c'] }, /^--recover-text is given without --recover$/, /number of steps/],
  [{ ...GIVEN, seed: 1 }, /^--seed is only for --importance random$/, /nothing else is drawn/],
  [
    { ...GIVEN, granularity: 'blocks', uniform: true },
    /^--granularity blocks changes nothing inside the blocks that stay/,
    /--uniform/,
  ],
  [{ ...GIVEN, granularity: 'layer', groupQueries: 'kv' }, /^--granularity layer changes nothing/, /--group-queries/],
  [
    { ...GIVEN, importance: 'flap', uniform: true },
    /^--importance flap adds biases that Hugging/,
    /Leave out --uniform/,
  ],
  [
    { ...GIVEN, importance: 'flap-adaptive', groupQueries: 'query' },
    /^--importance flap-adaptive compares all heads with each other, and --group-queries query keeps them apart$/,
    /^Take --importance flap/,
  ],
  [
    { ...GIVEN, granularity: 'channel', importance: 'flap' },
    /^--importance flap is computed for the layers/,
    /taylor1/,
  ],
  [
    { ...GIVEN, granularity: 'channel', uniform: true },
    /^--granularity channel leaves heads as they are$/,
    /--uniform/,
  ],
  [
    { ...GIVEN, granularity: 'hidden-channels', groupQueries: 'kv' },
    /^--granularity hidden-channels leaves heads/,
    /--g/,
  ],
  [{ ...GIVEN, granularity: 'hidden-channels', steps: 2 }, /^--steps sets removed places to zero/, /Leave out --steps/],
]

describe('options of shrink', () => {
  for (const [given, what, hint] of FORBIDDEN) {
    it(`do not go together: ${JSON.stringify(given)}`, () => {
      assert.throws(
        () => shrinkOptions(given),
        (error) =>
          error instanceof UsageError &&
          error.code === 'USAGE_CONFLICT' &&
          what.test(error.message) &&
          hint.test(error.hint),
      )
    })
  }

  it('remove heads and channels by default, and refit after a search', () => {
    const weighed = { groupQueries: 'kv', reduction: 'sum', uniform: false, importance: 'taylor1', blocks: null }
    assert.deepEqual(what(GIVEN), {
      ...{ granularity: 'heads-and-channels', ...weighed, refit: false, amount: { gone: 250_000 } },
    })
    assert.deepEqual(what(SOUGHT), {
      ...{ granularity: 'heads-and-channels', ...weighed, refit: true, amount: { left: 800_000 } },
    })
  })

  it('have for each way the arguments that it needs, and no more', () => {
    const amount = { gone: 250_000 }
    assert.deepEqual(what({ ...GIVEN, importance: 'flap', blocks: [1, 4] }), {
      ...{ granularity: 'heads-and-channels', importance: 'flap', groupQueries: 'kv', blocks: [1, 4], amount },
    })
    assert.deepEqual(what({ ...GIVEN, granularity: 'blocks', importance: 'random' }), {
      ...{ granularity: 'blocks', importance: 'random', seed: 0, blocks: null, amount },
    })
    assert.deepEqual(what({ ...GIVEN, granularity: 'hidden-channels', importance: 'l2', reduce: 'max' }), {
      ...{ granularity: 'hidden-channels', importance: 'l2', reduction: 'max', amount },
    })
    const steps = what({ ...GIVEN, steps: 3 })
    assert.equal('steps' in steps && steps.steps, 3)
  })

  it("understand the paper's names of granularities", () => {
    for (const [paper, own] of [
      ['block', 'heads-and-channels'],
      ['layer', 'blocks'],
      ['channel', 'hidden-channels'],
    ] as const)
      assert.deepEqual(what({ ...GIVEN, granularity: paper }), what({ ...GIVEN, granularity: own }))
  })

  it('have a type that combinations without a meaning do not fit', () => {
    const amount = { gone: 250_000 }
    // @ts-expect-error: FLAP scores heads and channels.
    const scored: Shrink = { granularity: 'blocks', blocks: null, amount, importance: 'flap' }
    const stepped: Shrink = {
      ...{ granularity: 'hidden-channels', reduction: 'sum', amount, importance: 'taylor1' },
      // @ts-expect-error: hidden channels go in one step.
      steps: 2,
    }
    // @ts-expect-error: nothing is sought by FLAP.
    const sought: Shrink = { ...what({ ...GIVEN, importance: 'flap' }), importance: 'flap', amount: { left: 1 } }
    assert.equal([scored, stepped, sought].length, 3)
  })
})
