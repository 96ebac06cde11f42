import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { z } from 'zod'
import { EMBEDDED_MODEL, VERSION } from '../../scripts/paths.ts'
import { ModelProtoSchema } from '../../src/onnx/generated/onnx_pb.js'
import { commandTable, coppice, type Ended, lastLines } from '../support/command-line.ts'

const directory = mkdtempSync(join(tmpdir(), 'coppice-test-'))
const home = process.cwd()
process.chdir(directory) // where coppice-out would appear
after(() => {
  process.chdir(home)
  rmSync(directory, { recursive: true, force: true })
})

const text = join(directory, 'text.txt')
writeFileSync(text, 'A wood is cut back, and grows again. '.repeat(200))
const empty = join(directory, 'empty.txt')
writeFileSync(empty, '  \n')
const short = join(directory, 'short.txt')
writeFileSync(short, 'Too short.')
const full = join(directory, 'full')
const broken = join(directory, 'broken')
const garbled = modelWith('garbled', () => Buffer.from('no protobuf'))
const truncated = modelWith('truncated', (bytes) => bytes.subarray(0, 5_000_000))
const foreign = modelWith('foreign', withUnknownOperator)
const invitation = `/ip4/127.0.0.1/tcp/1/p2p/12D3KooWBF45uaTQ64LfCKWo9viawpkj1w7C6JVEge69hzL3wF2m#${'ab'.repeat(32)}.${'cd'.repeat(16)}`

/** The embedded model with another graph. */
function modelWith(name: string, edit: (bytes: Buffer) => Uint8Array): string {
  const path = join(directory, name)
  cpSync(EMBEDDED_MODEL, path, { recursive: true })
  const model = join(path, 'model.onnx')
  const bytes = edit(readFileSync(model))
  rmSync(model)
  writeFileSync(model, bytes)
  return path
}

function withUnknownOperator(bytes: Buffer): Uint8Array {
  const model = fromBinary(ModelProtoSchema, bytes)
  const node = model.graph?.node.find(({ opType }) => opType === 'Sigmoid')
  assert.ok(node)
  node.opType = 'Celu'
  return toBinary(ModelProtoSchema, model)
}

const results = () => readdirSync(directory)

const errorSchema = z.strictObject({
  error: z.strictObject({
    code: z.string().regex(/^[A-Z][A-Z0-9_]+$/),
    exit: z.int(),
    what: z.string().min(1),
    hint: z.string().min(1),
  }),
})

/** One line on stdout, which says what the two lines on stderr say. */
function assertSame({ exit, stdout, stderr }: Ended): void {
  assert.equal(stdout.indexOf('\n'), stdout.length - 1, stdout)
  const { error } = errorSchema.parse(JSON.parse(stdout))
  assert.equal(error.exit, exit)
  assert.equal(lastLines(stderr), `coppice: ${error.what} (${error.code})\n${error.hint}\n`)
}

describe('the command line', () => {
  it('has the commands and options of the contract', () => {
    const model = ['--model', '--offline']
    const site = [...model, '--text', '--separator']
    const windows = ['--windows', '--window']
    const pruner = ['--pruner', '--sparsity', '--pattern']
    const structures = ['--ratio', '--blocks', '--recover']
    const limits = ['--until-change', '--round-timeout', '--harm-limit']
    const plan = [...pruner, ...structures, '--merge', '--masked', '--open', '--rounds', '--sample', ...limits]
    const evaluation = ['--eval', '--eval-tokens', '--eval-window']
    const network = ['--proxy', '--listen', '--announce']
    const watched = ['--log-file', '--log-level', '--metrics', '--metrics-public']
    const own = [...watched, '--data', '--name', '--yes']
    const expected: Record<string, string[]> = {
      simulate: [
        ...['--peers', '--seed', ...site, ...windows, '--capacity', ...plan, ...evaluation],
        ...['--topology', '--baselines', '--processes', '--dry-run', '--out', '--page', '--json'],
      ],
      peer: [
        ...['--members', '--new', ...site, ...windows, '--capacity', ...plan, ...evaluation, '--no-eval', '--alone'],
        ...[...network, ...own, '--dry-run', '--out', '--page', '--json', '--json=lines'],
      ],
      join: [
        ...[...site, '--capacity', ...evaluation, '--no-eval', '--alone', ...network, '--no-listen'],
        ...[...own, '--dry-run', '--out', '--page', '--json', '--json=lines'],
      ],
      resume: [...watched, '--data', '--page', '--json', '--json=lines'],
      status: ['--data', '--watch', '--json'],
      invitation: ['--data', '--json'],
      doctor: [...site, ...windows, ...network, '--no-listen', '--data', '--json'],
      plan: ['--proxy', '--json'],
      prune: [...site, ...windows, ...pruner, ...evaluation, '--dry-run', '--out', '--page', '--json'],
      evaluate: [...site, '--window', '--eval-tokens', '--json'],
      inspect: [...model, '--layers', '--contribution', '--certificate', '--json'],
      structures: [...model, '--group-queries', '--json'],
      shrink: [
        ...[...site, ...windows, '--ratio', '--blocks', '--importance', '--reduce', ...evaluation],
        ...[
          '--granularity',
          '--parameters',
          '--refit',
          '--steps',
          '--group-queries',
          '--uniform',
          '--seed',
          '--recover',
          '--recover-text',
          '--dry-run',
          '--out',
          '--page',
          '--json',
        ],
      ],
      recover: [
        ...[...site, ...windows, '--instructions', '--steps', '--rank', '--alpha', '--rate', '--batch'],
        ...['--length', ...evaluation, '--dry-run', '--out', '--json'],
      ],
      verify: [...model, '--json'],
      bundle: ['--out', '--json'],
    }
    const found = commandTable()
    assert.deepEqual(Object.keys(found), Object.keys(expected))
    for (const [command, options] of Object.entries(expected))
      assert.deepEqual([...found[command]].sort(), [...options, '--config'].sort(), command)
  })

  it('explains a command with help COMMAND as with COMMAND --help, and all of them with help', async () => {
    assert.deepEqual(await coppice('help', 'prune'), await coppice('prune', '--help'))
    const all = await coppice('help')
    assert.equal(all.exit, 0)
    assert.match(all.stdout, /^Usage: coppice/)
    const unknown = await coppice('help', 'prunne')
    assert.equal(unknown.exit, 2)
    assert.match(unknown.stderr, /^coppice: .+ \(USAGE\)\nThere are: simulate, peer, /)
  })

  it('prints help and version to stdout and ends with 0', async () => {
    const version = await coppice('--version')
    assert.deepEqual(version, { exit: 0, stdout: `${VERSION}\n`, stderr: '' })
    for (const command of Object.keys(commandTable())) {
      const { exit, stdout, stderr } = await coppice(command, '--help')
      assert.equal(exit, 0, command)
      assert.equal(stderr, '', command)
      assert.match(stdout, /Examples?:\n {2}coppice /, command)
      assert.match(stdout, /Exit codes:\n {2}0 {2}done/, command)
    }
  })

  const refused: Array<{ argv: string[]; exit: number; says: RegExp }> = [
    { argv: [], exit: 2, says: /no command given/ },
    {
      argv: ['prunne'],
      exit: 2,
      says: /unknown command 'prunne' \(USAGE\)\nDid you mean prune\? There are: simulate, peer, join, .*verify, bundle\. /,
    },
    { argv: ['simulate', '--sparsty', '0.5'], exit: 2, says: /'--sparsty' \(USAGE\)\nDid you mean --sparsity\?/ },
    { argv: ['simulate', 'extra'], exit: 2, says: /too many arguments/ },
    { argv: ['simulate', '--peers'], exit: 2, says: /'--peers <n>' argument missing/ },
    { argv: ['simulate', '--sparsity', '1.5'], exit: 2, says: /--sparsity "1.5"/ },
    { argv: ['simulate', '--sparsity', '1'], exit: 2, says: /below 1/ },
    { argv: ['simulate', '--sparsity', '5e-1'], exit: 2, says: /decimal/ },
    { argv: ['simulate', '--sparsity', '0.1234567'], exit: 2, says: /6 places/ },
    { argv: ['simulate', '--sparsity', '0.5', '--pattern', '2:4'], exit: 2, says: /exclude each other/ },
    { argv: ['simulate', '--pattern', '4:4'], exit: 2, says: /--pattern "4:4"/ },
    { argv: ['simulate', '--pruner', 'random'], exit: 2, says: /one of sparsegpt, wanda, magnitude/ },
    { argv: ['simulate', '--peers', '1'], exit: 2, says: /from 2 to/ },
    { argv: ['simulate', '--peers', '3', '--capacity', '1,0.5'], exit: 2, says: /--capacity lists 2, --peers is 3/ },
    { argv: ['simulate', '--capacity', '1,0,1,1'], exit: 2, says: /--capacity "0"/ },
    { argv: ['simulate', '--topology', 'ring'], exit: 2, says: /mesh, star, line/ },
    { argv: ['simulate', '--baselines', 'none,fedavg'], exit: 2, says: /--baselines/ },
    { argv: ['simulate', '--windows', '0'], exit: 2, says: /--windows "0"/ },
    { argv: ['simulate', '--window', '512'], exit: 2, says: /--window 512 is longer than the 256 tokens/ },
    { argv: ['simulate', '--model', broken], exit: 2, says: /--text is missing/ },
    { argv: ['peer', '--text', text], exit: 2, says: /--members is missing/ },
    { argv: ['peer', '--members', '4'], exit: 2, says: /--text is missing/ },
    { argv: ['peer', '--members', '4', '--text', text, '--listen', '0.0.0.0:4001'], exit: 2, says: /--listen/ },
    { argv: ['peer', '--members', '2', '--text', text, '--no-eval', '--alone'], exit: 2, says: /--alone is measured/ },
    { argv: ['join', invitation, '--no-eval', '--alone'], exit: 2, says: /--no-eval measures nothing/ },
    {
      argv: ['simulate', '--pruner', 'llm-pruner', '--ratio', '0.999', '--blocks', '1:5', '--windows', '1'],
      exit: 2,
      says: /--ratio 0\.999 would remove nothing: it would leave no head or channel of \d+ \(NOTHING_REMOVED\)/,
    },
    { argv: ['peer', '--config', full], exit: 2, says: /the configuration .*full cannot be read \(ENOENT\)/ },
    { argv: ['peer', '--config', short], exit: 2, says: /the configuration .*short\.txt is no valid JSON/ },
    { argv: ['resume', '--log-level', 'warn'], exit: 2, says: /--log-level is of a log, and none is written/ },
    { argv: ['peer', '--members', '2', '--text', text, '--metrics', '0.0.0.0:1'], exit: 2, says: /--metrics-public/ },
    {
      argv: ['join', invitation, '--text', text, '--yes', '--log-file', join(full, 'log')],
      exit: 8,
      says: /log cannot be written \(ENOENT\)/,
    },
    {
      argv: ['join', invitation, '--text', text, '--yes', '--metrics', '192.0.2.7:1', '--metrics-public'],
      exit: 5,
      says: /metrics cannot be served at 192\.0\.2\.7:1 \(EADDRNOTAVAIL\)/,
    },
    { argv: ['join'], exit: 2, says: /the address is missing/ },
    { argv: ['join', 'nonsense', '--text', text], exit: 2, says: /the invitation cannot be read/ },
    {
      argv: ['join', invitation, '--text', text, '--windows', '4'],
      exit: 2,
      says: /plan fixes --windows; coppice join cannot/,
    },
    {
      argv: ['join', invitation, '--text', text, '--window', '64'],
      exit: 2,
      says: /plan fixes --window; coppice join cannot/,
    },
    { argv: ['join', invitation, '--yes'], exit: 2, says: /--text is missing/ },
    { argv: ['join', invitation, '--text', text, '--yes'], exit: 5, says: /cannot be reached/ },
    { argv: ['join', invitation, '--text', text], exit: 2, says: /no terminal .*\n.*--yes/ },
    {
      argv: ['peer', '--members', '2', '--text', text, '--yes', '--out', full, '--data', join(full, 'data')],
      exit: 8,
      says: /lies in .*\n.*--data/,
    },
    {
      argv: ['join', invitation, '--text', text, '--yes', '--data', join(directory, 'coppice-out')],
      exit: 8,
      says: /both data and output directory \(OUTPUT_DATA_INSIDE\)\n.*--data/,
    },
    { argv: ['peer', '--members', '2', '--text', text, '--yes', '--data', directory], exit: 8, says: /lies in/ },
    { argv: ['peer', '--members', '2', '--text', text, '--name', 'a\u202eb'], exit: 2, says: /U\+202E/ },
    { argv: ['plan'], exit: 2, says: /the address is missing/ },
    { argv: ['plan', 'nonsense'], exit: 2, says: /the invitation cannot be read/ },
    { argv: ['plan', invitation], exit: 5, says: /cannot be reached/ },
    {
      argv: ['prune', '--text', text, '--pruner', 'wanda', '--capacity', '1'],
      exit: 2,
      says: /unknown option '--capacity'/,
    },
    { argv: ['prune', '--text', text, '--sparsity', '0.5', '--out', full], exit: 2, says: /--pruner is missing/ },
    { argv: ['prune', '--text', text, '--pruner', 'wanda', '--out', full], exit: 2, says: /--sparsity is missing/ },
    { argv: ['prune', '--text', text, '--pruner', 'wanda', '--sparsity', '0.5'], exit: 2, says: /--out is missing/ },
    { argv: ['evaluate', '--text', text], exit: 2, says: /--model is missing/ },
    { argv: ['evaluate', '--model', EMBEDDED_MODEL], exit: 2, says: /--text is missing/ },
    { argv: ['shrink', '--text', 'a', '--out', 'b'], exit: 2, says: /--ratio is missing/ },
    { argv: ['shrink', '--ratio', '1'], exit: 2, says: /--ratio "1": expected a decimal above 0 and below 1/ },
    { argv: ['shrink', '--ratio', '0.5', '--blocks', '3:3'], exit: 2, says: /--blocks "3:3": expected A:B/ },
    {
      argv: ['shrink', '--ratio', '0.5', '--importance', 'l2', '--seed', '1', '--out', 'b'],
      exit: 2,
      says: /--seed is only for --importance random/,
    },
    { argv: ['shrink', '--group-queries', 'all'], exit: 2, says: /--group-queries "all": expected one of kv, query/ },
    { argv: ['inspect'], exit: 2, says: /one of --model, --contribution and --certificate/ },
    { argv: ['inspect', '--model', 'a', '--certificate', 'b'], exit: 2, says: /exclude each other/ },
    { argv: ['verify'], exit: 2, says: /missing required argument 'dir'/ },
    { argv: ['evaluate', '--model', join(directory, 'nowhere'), '--text', text], exit: 3, says: /is not a directory/ },
    { argv: ['evaluate', '--model', EMBEDDED_MODEL, '--text', join(directory, 'no.txt')], exit: 3, says: /no\.txt/ },
    { argv: ['evaluate', '--model', EMBEDDED_MODEL, '--text', empty], exit: 3, says: /is empty/ },
    { argv: ['evaluate', '--model', EMBEDDED_MODEL, '--text', short], exit: 3, says: /short\.txt has \d+ tokens/ },
    { argv: ['simulate', '--text', short], exit: 3, says: /short has 0 windows, 131 are needed: 4 sites of 32, 3 for/ },
    ...[garbled, truncated].flatMap((model) => [
      { argv: ['evaluate', '--model', model, '--text', text], exit: 3, says: /is not a readable ONNX file/ },
      {
        argv: ['simulate', '--model', model, '--text', text, '--out', full],
        exit: 3,
        says: /not a readable ONNX file/,
      },
      { argv: ['inspect', '--model', model], exit: 3, says: /is not a readable ONNX file/ },
    ]),
    { argv: ['evaluate', '--model', foreign, '--text', text], exit: 3, says: /has the operator Celu .*not supported/ },
    {
      argv: ['peer', '--members', '2', '--model', foreign, '--text', text, '--yes'],
      exit: 3,
      says: /has the operator Celu/,
    },
    { argv: ['simulate', '--text', empty, '--out', full], exit: 3, says: /the text empty is empty/ },
    { argv: ['peer', '--members', '2', '--text', short, '--yes'], exit: 3, says: /short\.txt has \d+ tokens/ },
    { argv: ['inspect', '--certificate', join(directory, 'no.cbor')], exit: 3, says: /cannot be read/ },
    { argv: ['inspect', '--certificate', text], exit: 3, says: /is no certificate/ },
    { argv: ['inspect', '--contribution', text], exit: 3, says: /is no contribution/ },
    { argv: ['verify', directory], exit: 3, says: /plan\.cbor is missing/ },
    { argv: ['simulate', '--out', directory], exit: 8, says: /is not empty/ },
    { argv: ['peer', '--members', '2', '--text', text, '--yes', '--out', directory], exit: 8, says: /is not empty/ },
    { argv: ['simulate', '--out', text], exit: 8, says: /cannot be written \(ENOTDIR\)/ },
    {
      // mkdir's own `recursive` never ends there
      argv: ['simulate', '--out', '/proc/coppice/below'],
      exit: 8,
      says: /cannot be written \(E/,
    },
    {
      argv: ['prune', '--text', text, '--pruner', 'wanda', '--sparsity', '0.5', '--out', directory],
      exit: 8,
      says: /is not empty/,
    },
    {
      argv: ['prune', '--text', text, '--pruner', 'wanda', '--sparsity', '0.5', '--out', join(text, 'below')],
      exit: 8,
      says: /cannot be written \(ENOTDIR\)/,
    },
    {
      argv: ['prune', '--text', short, '--pruner', 'wanda', '--sparsity', '0.5', '--out', full],
      exit: 3,
      says: /short\.txt has \d+ tokens/,
    },
  ]
  for (const { argv, exit, says } of refused) {
    const line = argv.join(' ').replaceAll(directory, '').slice(0, 90)
    it(`refuses "${line}" with ${exit}, in two lines, and writes nothing`, async () => {
      const before = results()
      const [command, ...rest] = argv
      const ended = await coppice(...(command === undefined ? [] : [command, '--json', ...rest]))
      assert.equal(ended.exit, exit, ended.stderr)
      assert.match(lastLines(ended.stderr), /^coppice: .+\n.+\n$/)
      assert.match(lastLines(ended.stderr), says)
      assert.doesNotMatch(ended.stderr, /^ {4}at /m)
      if (command === undefined) assert.equal(ended.stdout, '')
      else assertSame(ended)
      assert.deepEqual(results(), before)
    })
  }

  it('writes a refusal to stderr alone where --json is not given, or stands behind --', async () => {
    for (const argv of [['evaluate'], ['evaluate', '--model', 'x', '--text', 'y'], ['simulate', '--', '--json']]) {
      const { stdout, stderr } = await coppice(...argv)
      assert.equal(stdout, '', argv.join(' '))
      assert.match(lastLines(stderr), /^coppice: .+ \([A-Z_]+\)\n.+\n$/, argv.join(' '))
    }
  })

  it('writes a refusal as a line of its own with --json=lines', async () => {
    const { stdout } = await coppice('join', '--json=lines', 'nonsense')
    const { time, ...line } = JSON.parse(stdout)
    assert.equal(new Date(time).toISOString(), time)
    assert.deepEqual([line.event, line.code, line.exit], ['error', 'INVITATION_MALFORMED', 2])
  })

  it('gives help with --json as without', async () => {
    const { exit, stdout } = await coppice('evaluate', '--json', '--help')
    assert.equal(exit, 0)
    assert.match(stdout, /^Usage: coppice evaluate/)
  })
})
