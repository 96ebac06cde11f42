import assert from 'node:assert/strict'
import { test } from 'node:test'
import { federationOf } from '../../../peers/round/federation.ts'
import { type ManifestEntry, type Value, valueFault } from '../../../protocols/round/messages/value.ts'
import { hashName } from '../../protocols/round/world.ts'
import { aPlan } from '../../support/people.ts'

const BLOCKS = 4
const { plan } = aPlan({
  model: { name: 'four', hash: new Uint8Array(32), parameters: 1, blocks: BLOCKS },
  method: { pruner: 'llm-pruner', target: { kind: 'structured', ppm: 250_000, from: 0, to: BLOCKS, steps: 20 } },
  rounds: 2,
  sample: 500_000,
})
const federation = federationOf(plan)

const entriesOf = (round: number): ManifestEntry[] =>
  plan.members.flatMap(({ index: member }) =>
    federation
      .blocksOf(member, round)
      .map((block) => ({ member, block, round, root: hashName(`${member}`, `${block}`) })),
  )
const value = (changes: Partial<Value>): Value => ({
  ...{ plan: federation.id, round: 1, previous: null, excluded: [], entries: [], merged: hashName('merged') },
  ...{ moved: 0, bits: 1 },
  ...changes,
})
const ordered = (entries: ManifestEntry[]) => entries.sort((a, b) => a.member - b.member || a.block - b.block)

test('importances of the first round stay beside the adapters of later ones, and may not be lost', () => {
  const first = value({ entries: entriesOf(1) })
  assert.equal(first.entries.length, BLOCKS * plan.members.length, 'for all blocks, whatever the sample is')
  assert.equal(valueFault(federation, null, first), null)
  const last = { id: hashName('first'), value: first }
  const adapters = entriesOf(2)
  assert.equal(adapters.length, 2 * plan.members.length)
  const second = value({ round: 2, previous: last.id, entries: ordered([...first.entries, ...adapters]) })
  assert.equal(valueFault(federation, last, second), null)
  assert.match(valueFault(federation, last, { ...second, entries: adapters }) ?? '', /lost$/)
})

test('no member may name adapters in the first round, nor importances in a later one', () => {
  const [importances] = entriesOf(1)
  const [adapters] = entriesOf(2)
  const early = value({ entries: [{ ...adapters, round: 1 }] })
  assert.match(valueFault(federation, null, early) ?? '', /not in its arc$/)
  const late = value({ round: 2, previous: hashName('first'), entries: [{ ...importances, round: 2 }] })
  const last = { id: hashName('first'), value: value({}) }
  assert.match(valueFault(federation, last, late) ?? '', /not in its arc$/)
})

test('votes on weights are masked in one opening of all blocks by all members, whatever the sample is', () => {
  const { plan } = aPlan({ masked: true, rounds: 1, sample: 500_000 })
  const federation = federationOf(plan)
  assert.equal(federation.rounds, 4)
  for (const { index } of plan.members) assert.deepEqual(federation.blocksOf(index, 3), [0, 1, 2, 3, 4, 5])
})
