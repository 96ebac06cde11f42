import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PeerEvent } from '../../../../peers/round/events.ts'
import { federationOf } from '../../../../peers/round/federation.ts'
import type { Offer } from '../../../../protocols/plan/offer.ts'
import type { Step } from '../../../../protocols/round/messages/messages.ts'
import { toHex } from '../../../../protocols/wire/encoding.ts'
import { narrator } from '../../../../scripts/common/site/narrator.ts'
import { Terminal } from '../../../../scripts/terminal/terminal.ts'
import { sheetSlot } from '../../../../src/merge/openings.ts'
import { Recorder } from '../../../support/command-line.ts'
import { aPlan } from '../../../support/people.ts'

const MASKED: Partial<Offer> = { merge: 'pooled', masked: true, rounds: 1, sample: 1_000_000 }
const ID = 'ab'.repeat(32)

/** A look at round `round` of four members, of whom this peer's part is done. */
function at(round: number, step: Step, { sent = [0], awaited = [] as number[], until = null as number | null } = {}) {
  const standing = { round, attempt: 0, step, sent, awaited, needed: 2, isRunningOut: until !== null, isWorking: false }
  return { type: 'standing', look: () => ({ standing, until }) } satisfies PeerEvent
}

/** The lines that a person reads on a terminal, one after the other. */
function told(offer: Partial<Offer>, events: (planId: string) => PeerEvent[]): string[] {
  const stderr = new Recorder(true, 200)
  const terminal = new Terminal({ stdout: new Recorder(), stderr, json: false, now: () => 0 })
  const { plan } = aPlan(offer)
  const tell = narrator(terminal, () => 0)
  const planId = toHex(plan.id)
  tell({ type: 'founded', plan, planId, out: 'out' })
  for (const event of events(planId)) tell(event)
  return stderr.text
    .replaceAll('\r\x1b[K', '\n')
    .split('\n')
    .filter((line) => line !== '')
}

const prune = (round: number): PeerEvent => ({ type: 'prune', round, done: 1, total: 5 })

describe('the rounds of a federation in words', () => {
  it('name what this site does, and in which round', () => {
    const steps = (['collect', 'propose', 'prevote', 'precommit'] as const).map((step) => at(3, step))
    assert.deepEqual(
      told(MASKED, () => [prune(3), ...steps]),
      [
        '2 of 6 rounds · measuring · block 2 of 5',
        '2 of 6 rounds · checking what the others have sent',
        '2 of 6 rounds · merging',
        '2 of 6 rounds · voting',
        '2 of 6 rounds · voting',
      ],
    )
    assert.deepEqual(
      told({}, () => [prune(1)]),
      ['0 of 2 rounds · pruning · block 2 of 5'],
    )
  })

  it('name whom it waits for, and until when', () => {
    const [none, limited] = told({}, () => [
      at(1, 'collect', { awaited: [1] }),
      at(1, 'collect', { sent: [0], awaited: [1], until: 97_000 }),
    ])
    assert.match(none, /^Waiting for \S.* \(1 of 2 have sent, 2 are needed\) · 0 of 2 rounds$/)
    assert.match(limited, /^Waiting for \S.* \(1 of 2 have sent, a quorum is here; at most 1 min 40 s more\) · /)
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
