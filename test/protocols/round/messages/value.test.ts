import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MAX_BLOCKS, MAX_MEMBERS } from '../../../../protocols/plan/offer.ts'
import {
  type Certificate,
  certificateFault,
  certificateId,
  decodeCertificate,
  encodeCertificate,
  maxCertificateBytes,
} from '../../../../protocols/round/messages/certificate.ts'
import {
  MAX_CERTIFICATE_BYTES,
  MAX_COMMIT_LIST_BYTES,
  MAX_VALUE_BYTES,
} from '../../../../protocols/round/messages/constants.ts'
import { bodyBytes, bytesOf, type Vote } from '../../../../protocols/round/messages/messages.ts'
import {
  type Certified,
  decodeCommitList,
  decodeValue,
  encodeCommitList,
  encodeValue,
  isLast,
  type ManifestEntry,
  maxValueBytes,
  uncoveredBlocks,
  type Value,
  valueFault,
  valueHash,
} from '../../../../protocols/round/messages/value.ts'
import { encode, MalformedMessageError, toHex } from '../../../../protocols/wire/encoding.ts'
import { aPlan, flipped } from '../../../support/people.ts'
import { hashName, makeFederation } from '../world.ts'

const { plan, signers } = aPlan()
const federation = { ...makeFederation({ members: 4, blocks: 4, rounds: 5, share: 2 }), id: toHex(plan.id) }

function entriesOf(round: number, members = [0, 1, 2, 3]): ManifestEntry[] {
  return members.flatMap((member) => {
    return federation.blocksOf(member, round).map((block) => {
      return { member, block, round, root: hashName('contribution', member, block, round) }
    })
  })
}

function value(changes: Partial<Value> = {}): Value {
  const base = { plan: federation.id, round: 1, previous: null, excluded: [], entries: entriesOf(1) }
  return { ...base, merged: hashName('merged'), moved: 5, bits: 100, ...changes }
}

const certified = (of: Value): Certified => ({ id: valueHash(of), value: of })
const byPlace = (a: ManifestEntry, b: ManifestEntry) => a.member - b.member || a.block - b.block

describe('a commit list', () => {
  test('comes back from its bytes; of the most blocks it fits its cap', () => {
    const list = Array.from({ length: MAX_BLOCKS }, (_, block) => ({ block, root: hashName(block), bytes: 2 ** 40 }))
    const bytes = encodeCommitList(list)
    assert.ok(bytes.byteLength <= MAX_COMMIT_LIST_BYTES)
    assert.deepEqual(decodeCommitList(bytes), list)
  })

  const root = bytesOf(hashName('r'))
  const hostile: Record<string, unknown> = {
    'nothing in it': [],
    'blocks out of order': [
      [1, root, 1],
      [0, root, 1],
    ],
    'a block twice': [
      [1, root, 1],
      [1, root, 1],
    ],
    'an empty contribution': [[1, root, 0]],
    'a field too many': [[1, root, 1, 1]],
    'a block beyond the most': [[MAX_BLOCKS, root, 1]],
    'a map': { 0: root },
  }
  for (const [name, list] of Object.entries(hostile)) {
    test(`is refused with ${name}`, () => {
      assert.throws(() => decodeCommitList(encode(list)), MalformedMessageError)
    })
  }
})

describe('a value', () => {
  test('comes back from its bytes; the largest manifest fits its cap', () => {
    assert.deepEqual(decodeValue(encodeValue(value())), value())
    const entries = Array.from({ length: MAX_MEMBERS * MAX_BLOCKS }, (_, i) => {
      return { member: Math.floor(i / MAX_BLOCKS), block: i % MAX_BLOCKS, round: 1000, root: hashName('r') }
    })
    assert.ok(encodeValue(value({ entries })).byteLength <= MAX_VALUE_BYTES)
  })

  test('is refused out of order, with an entry twice, or with more moved than there is', () => {
    const entries = entriesOf(1)
    const hostile = [
      { entries: entries.toReversed() },
      { entries: [entries[0], entries[0]] },
      { excluded: [2, 1] },
      { excluded: [1, 1] },
      { moved: 101 },
      { bits: -1 },
    ]
    for (const changes of hostile) assert.throws(() => decodeValue(encodeValue(value(changes))), MalformedMessageError)
  })

  test('may follow a certificate only as the rules say', () => {
    const last = certified(value())
    const next = (changes: Partial<Value> = {}) => {
      const fresh = entriesOf(2)
      const kept = entriesOf(1).filter((old) => !fresh.some((entry) => byPlace(entry, old) === 0))
      return value({ round: 2, previous: last.id, entries: [...kept, ...fresh].sort(byPlace), ...changes })
    }
    const { entries } = next()
    const without = (member: number) => entries.filter((entry) => entry.member !== member)
    const good: Array<[string, Value]> = [
      ['a full one', next()],
      ['one with a straggler', next({ entries: [...without(3), ...entriesOf(1, [3])].sort(byPlace) })],
      ['one that excludes a member and what it gave', next({ excluded: [3], entries: without(3) })],
    ]
    for (const [name, of] of good) assert.equal(valueFault(federation, last, of), null, name)
    const change = (at: number, changes: Partial<ManifestEntry>) => {
      return entries.map((entry, i) => (i === at ? { ...entry, ...changes } : entry))
    }
    const old = entries.findIndex(({ round }) => round === 1)
    const bad: Array<[RegExp, Value]> = [
      [/another plan/, next({ plan: hashName('p') })],
      [/not the next/, next({ round: 3 })],
      [/certificate before/, next({ previous: null })],
      [/lost/, next({ entries: without(3) })],
      [/is excluded/, next({ excluded: [3] })],
      [/excludes a stranger/, next({ excluded: [4] })],
      [/of round 3/, next({ entries: change(0, { round: 3 }) })],
      [/changed within a round/, next({ entries: change(old, { root: hashName('x') }) })],
      [/not in its arc/, next({ entries: change(old, { round: 2 }) })],
      [/no such member/, next({ entries: change(entries.length - 1, { member: 4 }) })],
      [/are needed/, next({ entries: entriesOf(1) })],
    ]
    for (const [reason, of] of bad) assert.match(valueFault(federation, last, of) ?? 'good', reason)
    const second = certified(next({ excluded: [3], entries: without(3) }))
    const back = value({ round: 3, previous: second.id, entries: [...without(3), ...entriesOf(3)].sort(byPlace) })
    assert.match(valueFault(federation, second, back) ?? 'good', /was excluded and is back/)
    const third = certified(value({ round: 3, entries: entriesOf(3) }))
    const older = value({ round: 4, previous: third.id, entries: entriesOf(1) })
    assert.match(valueFault(federation, third, older) ?? 'good', /older than/)
  })

  test('is the last by rounds, or when little moved and nothing is uncovered, from the second round on', () => {
    const rules = { blocks: 4, rounds: 5, untilChange: 50_000 }
    assert.ok(isLast({ ...rules, rounds: 1 }, value()))
    assert.ok(!isLast(rules, value({ moved: 0 })), 'never after the first')
    assert.ok(isLast(rules, value({ round: 2, moved: 4 })))
    assert.ok(!isLast(rules, value({ round: 2, moved: 5 })), 'exactly the share is not less')
    assert.ok(!isLast({ ...rules, untilChange: null }, value({ round: 2, moved: 0 })))
    const [, ...entries] = entriesOf(1).filter(({ block }) => block < 2)
    assert.deepEqual(uncoveredBlocks(rules, value({ entries })), [2, 3])
    assert.ok(!isLast(rules, value({ round: 2, moved: 0, entries })), 'uncovered blocks')
    assert.ok(isLast({ ...rules, untilChange: 1 }, value({ round: 2, moved: 1, bits: 1_000_001 })), 'exact at 1 ppm')
    assert.ok(!isLast({ ...rules, untilChange: 1 }, value({ round: 2, moved: 2 ** 20, bits: 2 ** 39 })))
  })
})

/** A certificate with precommits of these members. */
function certify(of: Value, members: number[], attempt = 0): Certificate {
  const vote: Vote = { type: 'precommit', round: of.round, attempt, value: valueHash(of) }
  const signed = bodyBytes(federation.id, vote)
  return {
    value: of,
    attempt,
    signatures: members.map((member) => ({ member, signature: signers[member].sign(signed) })),
  }
}

describe('a certificate', () => {
  test('is good with the precommits of a quorum, whoever they are, and its id is that of the value', () => {
    for (const members of [
      [0, 1, 2],
      [1, 2, 3],
      [0, 1, 2, 3],
    ]) {
      const certificate = certify(value(), members, members[0])
      assert.equal(certificateFault(plan, certificate), null)
      assert.equal(certificateId(certificate), valueHash(value()))
      assert.deepEqual(decodeCertificate(encodeCertificate(certificate)), certificate)
    }
  })

  test('of the most entries that a plan allows fits the cap of that plan, and one that is longer is not read', () => {
    for (const [members, blocks] of [
      [2, 1],
      [4, 30],
      [64, 24],
      [64, 300],
    ]) {
      const all = Array.from({ length: members }, (_, member) => member)
      const entries = all.flatMap((member) => {
        return Array.from({ length: blocks }, (_, block) => ({ member, block, round: 1000, root: hashName('r') }))
      })
      const previous = hashName('before')
      const bits = Number.MAX_SAFE_INTEGER
      const largest = value({ round: 1000, previous, excluded: all, entries, moved: bits, bits })
      const signatures = all.map((member) => ({ member, signature: new Uint8Array(64) }))
      const bytes = encodeCertificate({ value: largest, attempt: 19, signatures })
      const most = maxCertificateBytes({ members, blocks })
      assert.ok(encodeValue(largest).byteLength <= maxValueBytes({ members, blocks }), `${members} ${blocks}`)
      assert.ok(bytes.byteLength <= most, `${members} ${blocks}: ${bytes.byteLength} of ${most}`)
      assert.equal(decodeCertificate(bytes, most).value.entries.length, members * blocks)
      assert.throws(() => decodeCertificate(new Uint8Array(most + 1), most), { reason: 'too large' })
    }
  })

  test('is none with fewer, with strangers, of another plan, or with signatures of another attempt or value', () => {
    const good = certify(value(), [0, 1, 2])
    assert.equal(certificateFault(plan, certify(value(), [0, 1])), 'quorum')
    assert.equal(certificateFault(plan, { ...good, attempt: 1 }), 'signature')
    assert.equal(certificateFault(plan, { ...good, value: value({ moved: 6 }) }), 'signature')
    assert.equal(certificateFault(plan, certify(value({ plan: hashName('p') }), [0, 1, 2])), 'plan')
    const stranger = { member: 9, signature: good.signatures[0].signature }
    assert.equal(certificateFault(plan, { ...good, signatures: [...good.signatures, stranger] }), 'member')
  })

  test('counts nobody twice', () => {
    const [signature] = certify(value(), [0]).signatures
    const twice = { value: value(), attempt: 0, signatures: [signature, signature, signature] }
    assert.throws(() => decodeCertificate(encodeCertificate(twice)), MalformedMessageError)
  })

  test('with any bit flipped is refused', () => {
    const bytes = encodeCertificate(certify(value(), [0, 1, 3]))
    assert.ok(bytes.byteLength <= MAX_CERTIFICATE_BYTES)
    for (let bit = 0; bit < bytes.byteLength * 8; bit += 17) {
      let fault: unknown
      try {
        fault = certificateFault(plan, decodeCertificate(flipped(bytes, bit)))
      } catch (error) {
        fault = error
      }
      assert.ok(fault instanceof MalformedMessageError || typeof fault === 'string', `bit ${bit}: ${fault}`)
    }
  })
})
