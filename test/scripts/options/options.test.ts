import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { describe, it } from 'node:test'
import { evaluateOptions } from '../../../scripts/commands/evaluate/index.ts'
import { joinOptions } from '../../../scripts/commands/join/options.ts'
import { pruneOptions } from '../../../scripts/commands/prune/options.ts'
import { simulateOptions } from '../../../scripts/commands/simulate/options.ts'
import {
  addNetworkOptions,
  addNoListenOption,
  networkOptions,
  type RawNetwork,
} from '../../../scripts/options/network.ts'
import { addPlanOptions, planFor, planOptions, type RawPlan } from '../../../scripts/options/plan.ts'
import { addTextOptions, type RawSite, windowFor } from '../../../scripts/options/site.ts'
import { EMBEDDED_MODEL } from '../../../scripts/paths.ts'
import { UsageError } from '../../../src/base/errors.ts'
import { read } from '../../support/command-line.ts'

const refuses = (code: string) => (error: unknown) => error instanceof UsageError && error.code === code

describe('PLAN', () => {
  const plan = (...argv: string[]) => planOptions(read<RawPlan>(addPlanOptions, ...argv), 4)

  it('has the defaults of the contract', () => {
    assert.deepEqual(plan(), {
      method: { pruner: 'sparsegpt', target: { kind: 'unstructured', ppm: 500_000 } },
      merge: 'l0',
      masked: false,
      rounds: 1,
      sample: 1_000_000,
      untilChange: null,
      roundTimeoutMs: null,
    })
  })

  it('holds at most 20 rounds where only --until-change says when to stop', () => {
    assert.equal(plan('--until-change', '0.01').rounds, 20)
    assert.equal(plan('--until-change', '0.01', '--rounds', '3').rounds, 3)
  })

  it('reads every option', () => {
    const argv =
      '--pruner wanda --pattern 2:4 --rounds 7 --sample 0.5 --until-change 0.001 --round-timeout 1.5 --merge trimmed --harm-limit 1.25'
    assert.deepEqual(plan(...argv.split(' ')), {
      method: { pruner: 'wanda', target: { kind: 'pattern', n: 2, m: 4 } },
      merge: 'trimmed',
      masked: false,
      rounds: 7,
      sample: 500_000,
      untilChange: 1000,
      roundTimeoutMs: 1500,
      harmLimit: 1_250_000,
    })
  })
})

describe('PLAN that pools', () => {
  const plan = (...argv: string[]) => planOptions(read<RawPlan>(addPlanOptions, '--merge', 'pooled', ...argv), 4)

  it('has five groups, or one a block where there are fewer blocks', () => {
    assert.equal(planFor(plan(), 30).rounds, 5)
    assert.equal(planFor(plan(), 3).rounds, 3)
    assert.equal(planFor(plan('--rounds', '6'), 6).rounds, 6)
    assert.throws(() => planFor(plan('--rounds', '7'), 6), refuses('ROUNDS_RANGE'))
  })

  it('refuses what offers a block more than once, and structures', () => {
    assert.throws(() => plan('--until-change', '0.1'), refuses('USAGE_CONFLICT'))
    assert.throws(() => plan('--pruner', 'llm-pruner', '--ratio', '0.25'), refuses('USAGE_CONFLICT'))
  })
})

describe('PLAN with structures', () => {
  const plan = (...argv: string[]) => planOptions(read<RawPlan>(addPlanOptions, '--pruner', 'llm-pruner', ...argv), 4)

  it('takes a ratio, blocks and steps of training, and the model says where the blocks end', () => {
    const whole = plan('--ratio', '0.25')
    const target = { kind: 'structured', ppm: 250_000, from: 0, to: 6, steps: 20 }
    assert.deepEqual(planFor(whole, 6).method, { pruner: 'llm-pruner', target })
    const chosen = plan('--ratio', '0.25', '--blocks', '1:5', '--recover', '0')
    const part = { ...target, from: 1, to: 5, steps: 0 }
    assert.deepEqual(planFor(chosen, 6).method, { pruner: 'llm-pruner', target: part })
    assert.throws(() => planFor(chosen, 4), refuses('BLOCKS_RANGE'))
  })

  it('refuses options of other pruners, as others refuse its own', () => {
    assert.throws(() => plan(), refuses('USAGE_MISSING'))
    assert.throws(() => plan('--ratio', '0.25', '--sparsity', '0.5'), refuses('USAGE_CONFLICT'))
    assert.throws(() => plan('--ratio', '0.25', '--until-change', '0.1'), refuses('USAGE_CONFLICT'))
    for (const [flag, value] of [
      ['--ratio', '0.25'],
      ['--blocks', '1:2'],
      ['--recover', '3'],
    ])
      assert.throws(() => planOptions(read<RawPlan>(addPlanOptions, flag, value), 4), refuses('USAGE_CONFLICT'))
  })
})

const upTo = (maxWindow: number | undefined) => ({ maxWindow, fixedWindow: undefined })

describe('SITE', () => {
  it('takes several texts', () => {
    assert.deepEqual(read<RawSite>(addTextOptions, '--text', 'a', 'b', '--separator', '<|endoftext|>'), {
      text: ['a', 'b'],
      separator: '<|endoftext|>',
    })
  })

  it('takes the window that the model takes, where none is given', () => {
    assert.equal(windowFor(undefined, upTo(256)), 256)
    assert.equal(windowFor(undefined, upTo(2048)), 512)
    assert.equal(windowFor(undefined, upTo(undefined)), 512)
    assert.equal(windowFor(undefined, upTo(2048), '--length', 128), 128)
    assert.equal(windowFor(256, upTo(256)), 256)
    assert.equal(windowFor(4096, upTo(undefined)), 4096)
  })

  it('takes the window that the graph is fixed at, and refuses another by that number', () => {
    const fixed = { maxWindow: 2048, fixedWindow: 128 }
    assert.equal(windowFor(undefined, fixed), 128)
    assert.equal(windowFor(undefined, fixed, '--length', 64), 128)
    assert.equal(windowFor(128, fixed), 128)
    assert.throws(() => windowFor(64, fixed), refuses('WINDOW_FIXED'))
    assert.throws(() => windowFor(64, fixed), /--window 64 is not the 128 tokens/)
  })

  it('refuses a window longer than the model takes, naming the option', () => {
    assert.throws(() => windowFor(257, upTo(256)), refuses('WINDOW_LONG'))
    assert.throws(() => windowFor(257, upTo(256), '--eval-window'), /--eval-window 257/)
  })
})

describe('the network options', () => {
  const network = (...argv: string[]) =>
    networkOptions(read<RawNetwork>((command) => addNoListenOption(addNetworkOptions(command)), ...argv))

  it('listen on one port by default, the same at every site', () => {
    assert.deepEqual(network(), { listen: '/ip4/0.0.0.0/tcp/4001', announce: null, proxy: null })
  })

  it('can leave out listening', () => {
    assert.deepEqual(network('--no-listen'), { listen: null, announce: null, proxy: null })
  })

  it('refuse to announce an address without listening', () => {
    assert.throws(() => network('--no-listen', '--announce', '/ip4/192.0.2.7/tcp/4001'), refuses('USAGE_CONFLICT'))
  })

  it('listen for WebSockets, and announce them in TLS, which a peer cannot end', () => {
    const announce = '/dns4/example.org/tcp/443/tls/ws'
    const listen = '/ip4/127.0.0.1/tcp/4001/ws'
    assert.deepEqual(network('--listen', listen, '--announce', announce), { listen, announce, proxy: null })
    for (const secure of [announce, '/ip4/0.0.0.0/tcp/443/wss'])
      assert.throws(() => network('--listen', secure), /has no certificate/)
    for (const other of ['/ip4/192.0.2.7/udp/4001/quic-v1', '/ip4/192.0.2.7/tcp/80/http', '/unix/a', '/tcp/1', '4001'])
      assert.throws(() => network('--announce', other), refuses('USAGE_ADDRESS'), other)
  })

  it('take a proxy, and do not repeat the password of one that is refused', () => {
    assert.equal(network('--proxy', 'http://proxy.example.org:3128').proxy, 'http://proxy.example.org:3128/')
    for (const url of ['proxy:3128', 'socks5://a:secret@proxy', 'http://a:secret@', 'http://a:secret@proxy/path', '']) {
      assert.throws(() => network('--proxy', url), refuses('USAGE_PROXY'), url)
      assert.throws(
        () => network('--proxy', url),
        ({ message }: Error) => !message.includes('secret'),
        url,
      )
    }
  })
})

describe('the options of simulate', () => {
  it('need no text for the embedded model', () => {
    const options = simulateOptions({})
    assert.equal(options.model, EMBEDDED_MODEL)
    assert.ok(options.embedded)
    assert.deepEqual([options.texts, options.peers, options.seed, options.topology], [[], 4, 0, 'mesh'])
  })

  it('need a text for another model, whatever the pruner is', () => {
    assert.throws(() => simulateOptions({ model: 'other' }), refuses('USAGE_MISSING'))
    assert.throws(() => simulateOptions({ model: 'other', pruner: 'magnitude' }), refuses('USAGE_MISSING'))
  })

  it('run baselines by default up to 8 peers', () => {
    assert.deepEqual(simulateOptions({ peers: 8 }).baselines, ['isolated', 'fedavg'])
    assert.deepEqual(simulateOptions({ merge: 'pooled' }).baselines, ['isolated'])
    assert.deepEqual(simulateOptions({ merge: 'pooled', baselines: ['fedavg', 'l0'] }).baselines, ['fedavg', 'l0'])
    const refusal = { code: 'USAGE_CONFLICT', hint: /^Give --baselines/ }
    assert.throws(() => simulateOptions({ merge: 'pooled', baselines: ['fedavg'] }), refusal)
    assert.throws(() => simulateOptions({ baselines: ['l0'] }), refusal)
    assert.deepEqual(simulateOptions({ masked: true }).baselines, ['isolated'])
    assert.throws(() => simulateOptions({ masked: true, baselines: ['fedavg'] }), refusal)
    assert.deepEqual(simulateOptions({ peers: 9 }).baselines, [])
    assert.deepEqual(simulateOptions({ peers: 9, baselines: ['isolated'] }).baselines, ['isolated'])
    const structured = { pruner: 'llm-pruner' as const, ratio: 250_000, model: 'other', text: ['t'] }
    assert.deepEqual(simulateOptions(structured).baselines, ['isolated'])
    assert.deepEqual(simulateOptions({ ...structured, baselines: ['pooled-text'] }).baselines, ['pooled-text'])
  })
})

describe('the options of prune, evaluate and join', () => {
  it('give absolute paths', () => {
    const options = pruneOptions({ pruner: 'wanda', sparsity: 500_000, text: ['a.txt'], out: 'out' })
    assert.deepEqual([options.texts, options.out], [[resolve('a.txt')], resolve('out')])
    assert.equal(evaluateOptions({ model: 'm', text: ['t'] }).model, resolve('m'))
  })

  it('evaluate 20,480 tokens of a text by default', () => {
    assert.equal(evaluateOptions({ model: 'm', text: ['t'] }).tokens, 20_480)
  })

  it('prune by magnitude without a text', () => {
    assert.deepEqual(pruneOptions({ pruner: 'magnitude', sparsity: 1, out: 'o' }).texts, [])
    assert.throws(() => pruneOptions({ pruner: 'wanda', sparsity: 1, out: 'o' }), refuses('USAGE_MISSING'))
  })

  it('need an invitation to join', () => {
    assert.throws(() => joinOptions(undefined, {}), refuses('USAGE_MISSING'))
    assert.throws(() => joinOptions('/ip4/192.0.2.7/tcp/4001', {}), refuses('INVITATION_MALFORMED'))
  })
})
