import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { MaskedFault } from '../../../protocols/plan/offer.ts'
import { simulateOptions } from '../../../scripts/commands/simulate/options.ts'
import { addPlanOptions, planFor, planOptions, type RawPlan } from '../../../scripts/options/plan.ts'
import { UsageError } from '../../../src/base/errors.ts'
import { coppice, read } from '../../support/command-line.ts'

const POOLED = ['--merge', 'pooled']
const STRUCTURED = ['--pruner', 'llm-pruner', '--ratio', '0.25']

const plan = (members: number, ...argv: string[]) => planOptions(read<RawPlan>(addPlanOptions, ...argv), members)

describe('--masked and --open', () => {
  it('decide where a plan can be masked', () => {
    for (const argv of [POOLED, [...POOLED, '--pruner', 'wanda'], STRUCTURED]) {
      assert.equal(plan(3, ...argv, '--masked').masked, true)
      assert.equal(plan(3, ...argv, '--open').masked, false)
      assert.equal(plan(3, ...argv).masked, true, 'neither')
    }
  })

  it('mask votes on weights only where that is asked for', () => {
    for (const pruner of ['sparsegpt', 'wanda', 'magnitude']) {
      assert.equal(plan(3, '--pruner', pruner, '--masked').masked, true)
      assert.equal(plan(3, '--pruner', pruner).masked, false)
    }
    assert.throws(() => plan(4, '--masked', '--rounds', '2'), { code: 'USAGE_CONFLICT' })
  })

  it('leave a plan open that cannot be masked, where neither is given', () => {
    assert.equal(plan(2, ...POOLED).masked, false)
    assert.equal(plan(2, ...STRUCTURED).masked, false)
    for (const argv of [[], ['--merge', 'trimmed'], [...STRUCTURED, '--merge', 'trimmed'], ['--until-change', '0.1']])
      assert.equal(plan(4, ...argv).masked, false, argv.join(' '))
    assert.equal(plan(4, '--open').masked, false)
  })

  it('count the peers of a simulation, four without --peers', () => {
    const base = { merge: 'pooled', masked: true } as const
    assert.equal(simulateOptions(base).plan.masked, true)
    assert.throws(() => simulateOptions({ ...base, peers: 2 }), UsageError)
  })

  it('refuse more sums than a masked plan can open, by the number that it can', () => {
    const many = (rounds: string, ...argv: string[]) => plan(4, ...argv, '--rounds', rounds)
    const range = (hint: RegExp) => ({ code: 'ROUNDS_RANGE', hint })
    assert.equal(planFor(many('249', ...POOLED, '--masked'), 260).rounds, 249)
    assert.throws(
      () => planFor(many('250', ...POOLED, '--masked'), 260),
      range(/^Give --rounds 249 or fewer, or --open/),
    )
    assert.equal(planFor(many('250', ...POOLED, '--open'), 260).rounds, 250)
    assert.throws(() => planFor(many('500', ...STRUCTURED, '--masked'), 6), range(/^Give --rounds 499 or fewer/))
    assert.throws(() => planFor(many('1', ...POOLED, '--masked'), 512), range(/^Give --open\.$/))
  })
})

/** Reasons by which the real command refuses, with its line. */
const REFUSED: Record<MaskedFault | 'both' | 'trimmed' | 'structures', { argv: string[]; says: RegExp; hint: RegExp }> =
  {
    both: {
      argv: [...POOLED, '--masked', '--open'],
      says: /--masked and --open exclude each other/,
      hint: /one of the two/,
    },
    members: {
      argv: [...POOLED, '--masked', '--peers', '2'],
      says: /needs three sites or more: with two, the total less a site's own part is the part of the other/,
      hint: /--open/,
    },
    rounds: {
      argv: ['--masked', '--rounds', '2'],
      says: /--masked with --merge l0 takes one round/,
      hint: /Give --rounds 1, or --merge pooled/,
    },
    rule: {
      argv: ['--masked', '--merge', 'trimmed', '--pruner', 'wanda'],
      says: /--masked and --merge trimmed exclude each other/,
      hint: /To withstand liars, leave --masked out/,
    },
    trimmed: {
      argv: ['--masked', '--merge', 'trimmed'],
      says: /trimming must see what each single site offers/,
      hint: /give --merge pooled/,
    },
    structures: {
      argv: [...STRUCTURED, '--masked', '--merge', 'trimmed'],
      says: /trimming must see what each single site offers/,
      hint: /leave --merge out/,
    },
    untilChange: {
      argv: ['--masked', '--until-change', '0.1'],
      says: /--masked and --until-change exclude each other/,
      hint: /Leave --until-change out/,
    },
  }

describe('a command refuses', () => {
  for (const [id, { argv, says, hint }] of Object.entries(REFUSED)) {
    it(`a plan that cannot be masked in two lines and with exit 2: ${id}`, async () => {
      const peer = argv.map((word) => (word === '--peers' ? '--members' : word))
      const members = peer.includes('--members') ? [] : ['--members', '4']
      for (const line of [
        ['simulate', ...argv],
        ['peer', '--text', 'x.txt', ...members, ...peer],
      ]) {
        const { exit, stdout, stderr } = await coppice(...line)
        assert.equal(exit, 2, stderr)
        assert.equal(stdout, '')
        assert.match(stderr, /^coppice: [^\n]+ \(USAGE_CONFLICT\)\n[^\n]+\n$/)
        const [what, advice] = stderr.split('\n')
        assert.match(what, says)
        assert.match(advice, hint)
      }
    })
  }

  it('either where the founder has chosen', async () => {
    for (const flag of ['--masked', '--open']) {
      const { exit, stderr } = await coppice('join', '/ip4/192.0.2.7/tcp/4001', flag)
      assert.equal(exit, 2)
      assert.match(stderr, new RegExp(`the founder's plan fixes ${flag};.*\\(USAGE_FIXED\\)`))
    }
  })
})
