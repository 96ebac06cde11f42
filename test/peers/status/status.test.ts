import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { PeerEvent } from '../../../peers/round/events.ts'
import { type PeerStatus, PHASES, statusSchema } from '../../../peers/status/status.ts'
import { StatusBook } from '../../../peers/status/status-book.ts'
import { peerIdText } from '../../../protocols/plan/site-name.ts'
import type { Step } from '../../../protocols/round/messages/messages.ts'
import { toHex } from '../../../protocols/wire/encoding.ts'
import { statusInWords } from '../../../scripts/commands/status/words.ts'
import { PACKAGE_ROOT } from '../../../scripts/paths.ts'
import { aPlan } from '../../support/people.ts'

const { plan } = aPlan({ members: 4 })
const AT = Date.UTC(2026, 10, 28, 9)

function book(): StatusBook {
  const self = peerIdText(plan.members[0].peer)
  const traffic = () => ({ sentBytes: 2_000_000, receivedBytes: 1_000_000 })
  const aside = () => ({ peakMemoryBytes: 5e8, progress: { share: 0.41, left: 38.4 } })
  return new StatusBook({ data: '/srv/north', self, traffic, neighbours: () => new Map(), aside })
}

function statusOf(own: StatusBook): PeerStatus {
  return statusSchema.parse(JSON.parse(JSON.stringify(own.answer('status'))))
}

function standing(
  step: Step,
  { isWorking = false, sent = [0, 1, 2], awaited = [3], until = AT + 97_000 } = {},
): PeerEvent {
  const here = { round: 2, attempt: 0, step, sent, awaited, needed: 3, isRunningOut: true, isWorking }
  return { type: 'standing', look: () => ({ standing: here, until }) }
}

describe('the status of a peer', () => {
  it('follows its events from the founding to the end', () => {
    const own = book()
    const founded: PeerEvent = { type: 'founded', plan, planId: toHex(plan.id), out: '/srv/out' }
    const events: [PeerEvent, PeerStatus['phase']][] = [
      [{ type: 'waiting', sites: plan.members.slice(0, 2), members: 4 }, 'founding'],
      [{ type: 'signing', plan, signed: [0] }, 'signing'],
      [founded, 'working'],
      [standing('collect', { isWorking: true }), 'working'],
      [{ type: 'prune', round: 2, done: 1, total: 6 }, 'working'],
      [standing('collect'), 'waiting'],
      [standing('collect', { awaited: [] }), 'checking'],
      [standing('propose'), 'merging'],
      [standing('prevote'), 'voting'],
      [{ type: 'writing', directory: '/srv/out' }, 'writing'],
      [{ type: 'serving', own: [] }, 'serving'],
    ]
    for (const [event, phase] of events) {
      own.hear(event, AT)
      assert.equal(statusOf(own).phase, phase, event.type)
    }
  })

  it('says who has sent, who is waited for and until when, and who was heard', () => {
    const own = book()
    own.hear({ type: 'founded', plan, planId: toHex(plan.id), out: '/srv/out' }, AT)
    own.follows({
      refused: () => [{ peer: null, rejected: 2, excess: 0 }],
      payloadBytes: () => 3,
      heard: new Map([[1, AT]]),
      deadlines: () => new Map(),
    })
    own.hear(standing('collect'), AT)
    const { members, needed, deadline, bytes, round } = statusOf(own)
    assert.deepEqual(
      members.map(({ sent }) => sent),
      [true, true, true, false],
    )
    assert.deepEqual(
      members.map(({ awaited }) => awaited),
      [false, false, false, true],
    )
    assert.deepEqual(
      members.map(({ heard }) => heard),
      [null, '2026-11-28T09:00:00.000Z', null, null],
    )
    assert.deepEqual([needed, deadline, round], [3, '2026-11-28T09:01:37.000Z', 2])
    assert.deepEqual(bytes, { sent: 2_000_000, received: 1_000_000, contributions: 3 })
    const words = statusInWords(statusOf(own), AT + 4000)
    assert.match(words, /^Federation [0-9a-f]{8}, round 2 of \d+: waiting for the parts of others$/m)
    assert.match(words, /^Waiting for site \d: 3 of 4 have sent; a quorum is here; at most 1 min 30 s more$/m)
    assert.match(words, /^41 % of the whole, 38 s left$/m)
    assert.match(words, / yes +through others +4\.0 s ago$/m)
    assert.match(words, /^Messages refused: 2 malformed or forged, 0 too many\.$/m)
  })

  it('has the invitation apart, and only until all have joined', () => {
    const own = book()
    own.hear({ type: 'invitation', line: 'LINE#OFFER.SECRET' }, AT)
    assert.deepEqual(own.answer('invitation'), { invitation: 'LINE#OFFER.SECRET' })
    assert.doesNotMatch(JSON.stringify(own.answer('status')), /SECRET/)
    own.hear({ type: 'founded', plan, planId: toHex(plan.id), out: '/srv/out' }, AT)
    assert.deepEqual(own.answer('invitation'), { invitation: null })
  })
})

describe('docs/reference/status.md', () => {
  const text = readFileSync(join(PACKAGE_ROOT, 'docs', 'reference', 'status.md'), 'utf8')
  const documented = new Set([...text.matchAll(/^\| `([\w.]+)` +\|/gm)].map(([, name]) => name))

  it('has every field of status --json, and no other', () => {
    const fields = (shape: object, prefix = '') => Object.keys(shape).map((name) => `${prefix}${name}`)
    const { members, bytes, memory, work, progress, refused } = statusSchema.shape
    const expected = [
      ...fields(statusSchema.shape),
      ...fields(members.element.shape, 'members.'),
      ...fields(refused.element.shape, 'refused.'),
      ...fields(bytes.unwrap().shape, 'bytes.'),
      ...fields(memory.unwrap().shape, 'memory.'),
      ...fields(work.unwrap().shape, 'work.'),
      ...fields(progress.unwrap().shape, 'progress.'),
    ]
    assert.deepEqual(
      [...documented].filter((name) => !(PHASES as readonly string[]).includes(name)).sort(),
      expected.sort(),
    )
  })

  it('has every phase', () => {
    assert.deepEqual(
      PHASES.filter((phase) => !documented.has(phase)),
      [],
    )
  })
})
