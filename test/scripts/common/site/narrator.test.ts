import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PeerEvent } from '../../../../peers/round/events.ts'
import { federationOf } from '../../../../peers/round/federation.ts'
import type { Offer } from '../../../../protocols/plan/offer.ts'
import { toHex } from '../../../../protocols/wire/encoding.ts'
import { narrator } from '../../../../scripts/common/site/narrator.ts'
import { Terminal } from '../../../../scripts/terminal/terminal.ts'
import { sheetSlot } from '../../../../src/merge/openings.ts'
import { Recorder } from '../../../support/command-line.ts'
import { aPlan } from '../../../support/people.ts'

const MASKED: Partial<Offer> = { merge: 'pooled', masked: true, rounds: 1, sample: 1_000_000 }
const ID = 'ab'.repeat(32)

/** What a person reads, line by line. */
function told(offer: Partial<Offer>, events: (planId: string) => PeerEvent[]): string[] {
  const stderr = new Recorder()
  const terminal = new Terminal({ stdout: new Recorder(), stderr, json: false, now: () => 0 })
  const { plan } = aPlan(offer)
  const tell = narrator(terminal)
  const planId = toHex(plan.id)
  tell({ type: 'founded', plan, planId, out: 'out' })
  for (const event of events(planId)) tell(event)
  return stderr.text.trimEnd().split('\n')
}

const contributions = (round: number): PeerEvent => ({ type: 'contributions', round, valid: 2, known: 2 })
const prune = (round: number): PeerEvent => ({ type: 'prune', round, done: 1, total: 1 })

describe('the rounds of a federation in words', () => {
  it('name what each round of a masked plan collects, and what this site does', () => {
    const lines = told(MASKED, () => [...[1, 2].map(contributions), prune(3), ...[3, 4].map(contributions), prune(5)])
    assert.deepEqual(lines, [
      'Round 1: keys: 2 of 2',
      'Round 2: key sheets: 2 of 2',
      'Round 3: measuring: 1 of 1',
      'Round 3: masked vectors: 2 of 2',
      'Round 4: reveals: 2 of 2',
      'Round 5: measuring: 1 of 1',
    ])
    assert.deepEqual(
      told({}, () => [prune(1), contributions(1)]),
      ['Round 1: pruning: 1 of 1', 'Round 1: contributions: 2 of 2'],
    )
  })

  it('name a key sheet that is damaged here, and a vector by its block', () => {
    const { plan } = aPlan(MASKED)
    const { masked } = federationOf(plan)
    assert.ok(masked)
    const lack = (block: number): PeerEvent => ({ type: 'lacks', certificate: ID, author: 1, block, id: ID })
    const [sheet] = told(MASKED, () => [lack(sheetSlot(masked))])
    assert.match(sheet, /^The key sheet abababab of .+ is damaged or gone here\. Every member that has certificate/)
    const [vector] = told(MASKED, () => [lack(plan.offer.model.blocks + 2)])
    assert.match(vector, /^The contribution abababab of .+ to block 2 is damaged or gone here\./)
  })

  it('say that a journal is not whole, before the federation is named', () => {
    const stderr = new Recorder()
    const terminal = new Terminal({ stdout: new Recorder(), stderr, json: false })
    narrator(terminal)({ type: 'abstains', refused: 'it is shorter', until: 4 })
    assert.match(stderr.text, /^The journal .* is not whole: it is shorter\.\nIt signs nothing in rounds up to 4, /)
  })

  it('say where a site goes on', () => {
    const stderr = new Recorder()
    const terminal = new Terminal({ stdout: new Recorder(), stderr, json: false })
    const { plan } = aPlan(MASKED)
    narrator(terminal)({ type: 'goingOn', plan, planId: toHex(plan.id), out: 'out', round: 3 })
    assert.match(stderr.text, /^Federation [0-9a-f]{8}, round 3 of 6: going on\n$/)
  })
})
