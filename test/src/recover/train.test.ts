import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Windows } from '../../../src/form/windows.ts'
import { Decoder } from '../../../src/model/forward/decoder.ts'
import { perplexity } from '../../../src/model/forward/perplexity.ts'
import { MAX_ARENAS } from '../../../src/model/forward/sessions.ts'
import { someWindows } from '../../../src/model/text/text.ts'
import { openTokenizer } from '../../../src/model/text/tokenizer.ts'
import { Adaptation } from '../../../src/recover/adaptation.ts'
import { bestLook, PATIENCE, STEPS_A_LOOK, startState, type TrainSettings, train } from '../../../src/recover/train.ts'
import { fixturePath } from '../../support/shared.ts'

const known = Decoder.open(fixturePath('stories260k'), { threads: 1 })
const LENGTH = 16
/** Something to learn: the same few tokens over and over. */
const ids = Int32Array.from({ length: 12 * LENGTH }, (_, i) => 300 + (i % 5))
const all: Windows = { ids, count: 12, length: LENGTH }
/** A text that the model knows already. */
const STORY =
  'Once upon a time, there was a little girl named Lily. She liked to play in the park with her friends. One day, she saw a big dog.'
const [rows, held] = [someWindows(all, 0, 10), someWindows(all, 10, 2)]
const settings: TrainSettings = { steps: 25, rank: 4, alpha: 8, rate: 1e-3, batch: 2, seed: 3 }

async function run(changes: Partial<TrainSettings>, stopAt?: number, keptOut = held, decoder = known) {
  const own = { ...settings, ...changes }
  const adaptation = new Adaptation(decoder, own)
  const state = startState(decoder, own)
  const stop = new AbortController()
  const job = {
    ...{ settings: own, rows, held: keptOut },
    onStep: () => (state.step === stopAt ? stop.abort(new Error('stopped')) : undefined),
  }
  if (stopAt !== undefined) {
    await assert.rejects(train(decoder, adaptation, state, { ...job, signal: stop.signal }), /stopped/)
    assert.equal(state.step, stopAt)
  }
  await train(decoder, adaptation, state, job)
  return state
}

describe('training', () => {
  it('learns, and keeps the step that is best on the held-out rows', async () => {
    const state = await run({})
    assert.deepEqual(
      state.looks.map(({ step }) => step),
      [0, STEPS_A_LOOK, 25],
    )
    const { perplexity } = bestLook(state.looks)
    assert.ok(perplexity < state.looks[0].perplexity / 2, `${state.looks[0].perplexity} ${perplexity}`)
    assert.ok(state.losses[24] < state.losses[0] - 0.5, `${state.losses}`)
    assert.equal(state.losses.length, 25)
  })

  it('continues from a stop to the same bits', async () => {
    const whole = await run({})
    for (const stopAt of [7, STEPS_A_LOOK]) assert.deepEqual(await run({}, stopAt), whole)
  })

  it('ends early where nothing gets better, with the weights as they were', async () => {
    const story = await (await openTokenizer(fixturePath('stories260k'))).encode([STORY])
    const unlike = { ids: story.slice(0, 2 * LENGTH), count: 2, length: LENGTH }
    const state = await run({ steps: 200, rate: 1e-2 }, undefined, unlike)
    assert.equal(state.step, PATIENCE * STEPS_A_LOOK)
    assert.equal(bestLook(state.looks).step, 0)
    assert.deepEqual(state.best, startState(known, settings).best)
  })
})

describe('a model of more distinct parts than keep memory of their own', () => {
  it('is trained and measured to the same bits', async () => {
    const crowded = Decoder.open(fixturePath('stories260k'), { threads: 1 })
    const { embedding } = crowded.cut
    const unused = crowded.sessions.partModelOf(
      embedding,
      [embedding.leaves],
      crowded.graphInputs(new BigInt64Array(1), 1, 1),
    )
    for (let i = 0; i < MAX_ARENAS; i++) await crowded.sessions.session(`unused ${i}`, () => unused.proto)
    assert.deepEqual(await run({}, undefined, held, crowded), await run({}))
    assert.ok(crowded.sessions.count > MAX_ARENAS)
    await crowded.close()
  })
})

describe('targets', () => {
  it('decide the predictions: the sums of two halves are the sum of all', async () => {
    const sumOf = async (targets?: Uint8Array) => {
      const measured = await perplexity(known, { ...all, targets })
      return { tokens: measured.tokens, sum: measured.tokens * Math.log(measured.perplexity) }
    }
    const first = new Uint8Array(ids.length).map((_, i) => Number((i * 7) % 3 === 0))
    const whole = await sumOf()
    const [one, other] = [await sumOf(first), await sumOf(first.map((target) => 1 - target))]
    assert.equal(one.tokens + other.tokens, whole.tokens)
    assert.ok(one.tokens > 0 && other.tokens > 0)
    assert.ok(Math.abs(one.sum + other.sum - whole.sum) < 1e-3, `${one.sum} ${other.sum} ${whole.sum}`)
  })
})
