import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { commandLine } from '../../../scripts/library/command-line.ts'
import type {
  EvaluateRequest,
  FoundRequest,
  JoinRequest,
  PruneRequest,
  ResumeRequest,
  SimulateRequest,
  VerifyRequest,
} from '../../../scripts/library/requests.ts'
import { commandTable } from '../../support/command-line.ts'

describe('commandLine', () => {
  it('gives each kind of value the form that its option has', () => {
    const request = {
      ...{ model: 'base', text: ['a.txt', '-b.txt'], sparsity: 0.5, evalTokens: 64, capacity: [1, '0.25'] },
      ...{ masked: true, open: false, eval: false, listen: undefined, baselines: [] },
    }
    assert.deepEqual(commandLine('simulate', request), [
      ...['simulate', '--model=base', '--text=a.txt', '--text=-b.txt', '--sparsity=0.5', '--eval-tokens=64'],
      ...['--capacity=1,0.25', '--masked', '--no-eval', '--baselines=none'],
    ])
  })

  it('puts an argument behind all options, where nothing in it can be one', () => {
    assert.deepEqual(commandLine('join', { name: 'North' }, '--yes'), ['join', '--name=North', '--', '--yes'])
  })
})

/** Every field of a request, as the compiler knows them. */
type Fields<Request> = Record<keyof Request, boolean>

const EVALUATION = { eval: true, evalTokens: true, evalWindow: true } as const
const WINDOWS = { windows: true, window: true } as const
const BASE = { model: true, offline: true, text: true, separator: true } as const
const SPARSITY = { pruner: true, sparsity: true, pattern: true } as const
const TERMS = {
  ...{ ...WINDOWS, ...SPARSITY, ratio: true, blocks: true, recover: true, merge: true, masked: true, open: true },
  ...{ rounds: true, sample: true, untilChange: true, roundTimeout: true, harmLimit: true },
} as const
const SITE = {
  ...{
    ...BASE,
    ...EVALUATION,
    alone: true,
    capacity: true,
    listen: true,
    announce: true,
    proxy: true,
    data: true,
    name: true,
  },
  out: true,
  page: true,
} as const

/** The fields of the requests, and those that no option has: the command takes them as arguments. */
const REQUESTS = {
  prune: { ...BASE, ...WINDOWS, ...EVALUATION, ...SPARSITY, out: true, page: true } satisfies Fields<PruneRequest>,
  evaluate: { ...BASE, window: true, evalTokens: true } satisfies Fields<EvaluateRequest>,
  peer: { ...SITE, ...TERMS, members: true, new: true } satisfies Fields<FoundRequest>,
  join: { ...SITE, invitation: true } satisfies Fields<JoinRequest>,
  resume: { data: true, federation: true, page: true } satisfies Fields<ResumeRequest>,
  verify: { model: true, offline: true, directory: true } satisfies Fields<VerifyRequest>,
  simulate: {
    ...{ ...BASE, ...EVALUATION, ...TERMS, peers: true, seed: true, capacity: true, topology: true },
    ...{ baselines: true, processes: true, out: true, page: true },
  } satisfies Fields<SimulateRequest>,
}
const ARGUMENTS = ['invitation', 'federation', 'directory']
/** Options that a call has in another form (its report, context, and `false`), or that whoever runs a service has. */
const ELSEWHERE = [
  ...['json', 'json=lines', 'yes', 'noEval', 'noListen', 'config'],
  ...['logFile', 'logLevel', 'metrics', 'metricsPublic', 'dryRun'],
]
/** An option of prune that has no effect. */
const WITHOUT_EFFECT = 'capacity'

describe('requests', () => {
  const table = commandTable()
  for (const [name, request] of Object.entries(REQUESTS)) {
    it(`of ${name} have the options of the command, all of them and no others`, () => {
      const camel = (option: string) => option.slice(2).replace(/-([a-z])/g, (_, letter) => letter.toUpperCase())
      const options = table[name].map(camel).filter((option) => !ELSEWHERE.includes(option))
      const wanted = options.filter((option) => name !== 'prune' || option !== WITHOUT_EFFECT)
      const fields = Object.keys(request).filter((field) => !ARGUMENTS.includes(field))
      assert.deepEqual(fields.sort(), wanted.sort())
    })
  }
})
