import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { WorkPlan } from '../../../scripts/progress/work-plan.ts'

/** A plan whose clock stands still unless it is moved. */
function plan() {
  const clock = { ms: 0 }
  return { clock, it: new WorkPlan(() => clock.ms) }
}

/** Does a piece of work in so many seconds, in these steps. */
function work({ clock, it }: ReturnType<typeof plan>, kind: string, cost: number, seconds: number, steps = 1): void {
  const piece = it.begin({ kind, cost })
  for (let step = 1; step <= steps; step++) {
    clock.ms += (1000 * seconds) / steps
    piece.reach(step / steps)
  }
  piece.end()
}

const near = (value: number, wanted: number, within: number) =>
  assert.ok(Math.abs(value / wanted - 1) <= within, `${value} is not ${wanted}`)

describe('the forecast of a command', () => {
  it('is none before anything is expected or measured', () => {
    const all = plan()
    work(all, 'evaluate', 1, 3)
    assert.equal(all.it.forecast(), null)
    const other = plan()
    other.it.expect([{ kind: 'evaluate', cost: 10 }])
    other.clock.ms += 1000
    assert.equal(other.it.forecast(), null)
  })

  it('follows the speed of this machine, from the first measured kind on to all others', () => {
    const all = plan()
    all.it.expect([
      { kind: 'evaluate', cost: 10 },
      { kind: 'prune', cost: 20 },
    ])
    work(all, 'evaluate', 10, 30, 5) // three times as slow as it was thought
    const forecast = all.it.forecast()
    assert.ok(forecast)
    near(forecast.left, 60, 0.1)
    near(forecast.share, 1 / 3, 0.1)
  })

  it('weighs each kind by its own measurements once it has some', () => {
    const all = plan()
    all.it.expect([
      { kind: 'evaluate', cost: 10 },
      { kind: 'prune', cost: 40 },
    ])
    work(all, 'evaluate', 5, 5)
    const piece = all.it.begin({ kind: 'prune', cost: 40 })
    all.clock.ms += 20_000 // ten times as fast a block as one of evaluation: four blocks of 40 in 20 s
    piece.reach(0.1)
    const forecast = all.it.forecast()
    assert.ok(forecast)
    near(forecast.left, 180 + 5, 0.15)
  })

  it('counts down between two steps, and never to nothing', () => {
    const all = plan()
    all.it.expect([{ kind: 'prune', cost: 10 }])
    const piece = all.it.begin({ kind: 'prune', cost: 10 })
    all.clock.ms += 5000
    piece.reach(0.5)
    all.clock.ms += 3000
    near(all.it.forecast()?.left ?? 0, 2, 0.05)
    all.clock.ms += 120_000 // it hangs
    const forecast = all.it.forecast()
    assert.ok(forecast && forecast.left > 10 && forecast.share < 1)
  })

  it('never says that all is done, nor less than before', () => {
    const all = plan()
    all.it.expect([{ kind: 'prune', cost: 10 }])
    let before = 0
    const piece = all.it.begin({ kind: 'prune', cost: 10 })
    for (let step = 1; step <= 20; step++) {
      all.clock.ms += 100 * step * step // slower and slower
      piece.reach(step / 20)
      const share = all.it.forecast()?.share ?? 0
      assert.ok(share >= before && share < 1)
      before = share
    }
  })

  it('gives every second once where pieces are done at the same time', () => {
    const all = plan()
    all.it.expect([
      { kind: 'prune', cost: 20 },
      { kind: 'merge', cost: 20 },
    ])
    const pieces = ['prune', 'merge'].map((kind) => all.it.begin({ kind, cost: 10 }))
    all.clock.ms += 10_000
    for (const piece of pieces) piece.end()
    near(all.it.forecast()?.left ?? 0, 10, 0.1)
  })

  it('takes no speed from what an earlier run has done', () => {
    const all = plan()
    all.it.expect([{ kind: 'prune', cost: 30 }])
    const piece = all.it.begin({ kind: 'prune', cost: 30 })
    piece.goesOnFrom(2 / 3)
    all.clock.ms += 5000
    piece.reach(5 / 6)
    const forecast = all.it.forecast()
    assert.ok(forecast)
    near(forecast.left, 5, 0.15)
    near(forecast.share, 5 / 6, 0.05)
  })

  it('grows where more is done than was expected', () => {
    const all = plan()
    all.it.expect([{ kind: 'evaluate', cost: 2 }])
    work(all, 'evaluate', 2, 4)
    all.it.begin({ kind: 'evaluate', cost: 2 })
    near(all.it.forecast()?.left ?? 0, 4, 0.1)
  })
})
