import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, describe, it } from 'node:test'
import { PACKAGE_ROOT } from '../../../scripts/paths.ts'
import { createProgram } from '../../../scripts/program.ts'
import { CoppiceError } from '../../../src/base/errors.ts'
import { coppice, Recorder } from '../../support/command-line.ts'

const directory = mkdtempSync(join(tmpdir(), 'coppice-test-'))
after(() => rmSync(directory, { recursive: true, force: true }))
const INVITATION = `/ip4/127.0.0.1/tcp/1/p2p/12D3KooWBF45uaTQ64LfCKWo9viawpkj1w7C6JVEge69hzL3wF2m#${'ab'.repeat(32)}.${'cd'.repeat(16)}`

let files = 0
function fileOf(content: unknown): string {
  const path = join(directory, `${files++}.json`)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}

interface Configured {
  options: Record<string, unknown>
  /** The arguments besides. */
  args: unknown[]
  environment: NodeJS.ProcessEnv
  stderr: string
}

/** The options that a command line ends up with; its work is not begun. */
async function configured(argv: string[], environment: NodeJS.ProcessEnv = {}): Promise<Configured> {
  const stderr = new Recorder()
  const program = createProgram(async () => undefined, { stdout: new Recorder(), stderr }, { environment })
  const [command] = program.commands.filter((each) => each.name() === argv[0])
  let args: unknown[] = []
  command.action((...all: unknown[]) => void (args = all.slice(0, -2)))
  await program.parseAsync(argv, { from: 'user' })
  return { options: command.opts(), args, environment, stderr: stderr.text }
}

function refusal(code: string, what: RegExp) {
  return (error: unknown) => error instanceof CoppiceError && error.code === code && what.test(error.message)
}

describe('settings', () => {
  it('of the command line come before those of variables, and those before those of a file', async () => {
    const file = fileOf({ windows: 1, window: 10, rounds: 100 })
    const environment = { COPPICE_WINDOWS: '2', COPPICE_WINDOW: '20', COPPICE_CONFIG: file }
    const { options } = await configured(['peer', '--windows', '3'], environment)
    assert.deepEqual([options['windows'], options['window'], options['rounds']], [3, 20, 100])
    assert.equal(options['sample'], undefined, 'what nobody gives is left to the command')
  })

  it('of a file that the command line names come before those of another one', async () => {
    const [named, other] = [fileOf({ rounds: 1 }), fileOf({ rounds: 2 })]
    const { options } = await configured(['peer', '--config', named], { COPPICE_CONFIG: other })
    assert.equal(options['rounds'], 1)
  })

  it('are read as on the command line, shares by their digits', async () => {
    const file = fileOf({ sparsity: 0.6, pattern: '2:4', 'round-timeout': '1.5', rounds: '7', 'harm-limit': 2 })
    const { options } = await configured(['peer', '--config', file])
    const { harmLimit, pattern, roundTimeout, rounds, sparsity } = options
    assert.deepEqual(
      [sparsity, pattern, roundTimeout, rounds, harmLimit],
      [600_000, { kind: 'pattern', n: 2, m: 4 }, 1500, 7, 2_000_000],
    )
  })

  it('without a value are true or false', async () => {
    const { options } = await configured(['join', '--config', fileOf({ yes: true, listen: false, alone: false })])
    assert.deepEqual([options['yes'], options['listen'], options['alone']], [true, false, undefined])
    const variables = { COPPICE_YES: 'true', COPPICE_LISTEN: 'false', COPPICE_EVAL: 'false', COPPICE_ALONE: 'false' }
    const { options: same } = await configured(['join'], variables)
    assert.deepEqual([same['yes'], same['listen'], same['eval'], same['alone']], [true, false, false, undefined])
  })

  it('that a flag excludes lose against it', async () => {
    const { options } = await configured(['join', '--no-listen', '--config', fileOf({ listen: '/ip4/0.0.0.0/tcp/1' })])
    assert.equal(options['listen'], false)
  })

  it('with several values are lists, in a variable as in PATH', async () => {
    const { options } = await configured(['peer', '--config', fileOf({ text: ['a', 'b'], eval: 'c' })])
    assert.deepEqual([options['text'], options['eval']], [['a', 'b'], ['c']])
    const { options: same } = await configured(['peer'], { COPPICE_TEXT: `a${delimiter}b` })
    assert.deepEqual(same['text'], ['a', 'b'])
  })

  it('choose the form of stdout', async () => {
    for (const [json, lines, value] of [
      [true, undefined, true],
      [undefined, true, 'lines'],
    ]) {
      const { options } = await configured(['peer', '--config', fileOf({ json: value })])
      assert.deepEqual([options['json'], options['json=lines']], [json, lines])
    }
    const { options } = await configured(['peer', '--json'], { COPPICE_JSON: 'lines' })
    assert.deepEqual([options['json'], options['json=lines']], [true, undefined])
  })

  it('of other commands are left alone, and empty variables are none', async () => {
    const file = fileOf({ members: 4, peers: 3, topology: 'star' })
    const { options } = await configured(['peer', '--config', file], { COPPICE_ROUNDS: '' })
    assert.deepEqual(options, { config: file, members: 4 })
  })

  it('may be the invitation, which other processes do not get', async () => {
    const { args, environment } = await configured(['join'], { COPPICE_INVITATION: INVITATION, PATH: '/bin' })
    assert.deepEqual(args, [INVITATION])
    assert.deepEqual(environment, { PATH: '/bin' })
    assert.deepEqual((await configured(['join', '--config', fileOf({ invitation: INVITATION })])).args, [INVITATION])
    assert.deepEqual((await configured(['join', 'other'], { COPPICE_INVITATION: INVITATION })).args, ['other'])
    const proxied = await configured(['join'], { COPPICE_PROXY: 'http://a:secret@proxy:3128', PATH: '/bin' })
    assert.equal(proxied.options['proxy'], 'http://a:secret@proxy:3128/')
    assert.deepEqual(Object.keys(proxied.environment), ['PATH'])
    const another = await configured(['peer'], { COPPICE_INVITATION: INVITATION })
    assert.deepEqual(another.environment, {})
  })

  it('that look like ours and are not are named', async () => {
    const { stderr } = await configured(['peer'], { COPPICE_SPARSTY: '0.5', COPPICE_DATA: 'd' })
    assert.equal(stderr, 'coppice: COPPICE_SPARSTY is the variable of no option, and is not read.\n')
  })

  const refused: Array<{ file: unknown; argv?: string[]; code: string; what: RegExp }> = [
    { file: { sparsty: 0.5 }, code: 'CONFIG_UNKNOWN', what: /\d\.json has the key "sparsty", which no command knows/ },
    { file: { config: 'other' }, code: 'CONFIG_UNKNOWN', what: /"config"/ },
    { file: { 'no-listen': true }, code: 'CONFIG_UNKNOWN', what: /"no-listen"/ },
    { file: { __proto__: null, constructor: 1 }, code: 'CONFIG_UNKNOWN', what: /"constructor"/ },
    {
      file: { members: 1 },
      code: 'USAGE_VALUE',
      what: /\d\.json, key "members": --members "1": expected a whole number/,
    },
    { file: { members: 1.5 }, code: 'USAGE_VALUE', what: /--members "1.5"/ },
    { file: { sparsity: 1e-7 }, code: 'USAGE_VALUE', what: /--sparsity "1e-7"/ },
    { file: { members: true }, code: 'CONFIG_VALUE', what: /key "members": expected a string or a number$/ },
    { file: { members: null }, code: 'CONFIG_VALUE', what: /key "members": expected/ },
    { file: { members: [4] }, code: 'CONFIG_VALUE', what: /key "members": expected/ },
    { file: { yes: 'yes' }, code: 'CONFIG_VALUE', what: /key "yes": expected true$/ },
    { file: { yes: 1 }, code: 'CONFIG_VALUE', what: /key "yes": expected true$/ },
    { file: { text: [['a']] }, code: 'CONFIG_VALUE', what: /key "text": expected a list of strings$/ },
    { file: { json: 'line' }, code: 'CONFIG_VALUE', what: /key "json": expected true, or "lines"$/ },
    {
      file: { listen: true },
      argv: ['join'],
      code: 'CONFIG_VALUE',
      what: /"listen": expected a string or a number, or f/,
    },
    { file: { sparsity: 0.5 }, argv: ['join'], code: 'USAGE_FIXED', what: /key "sparsity": the founder's plan fixes/ },
    { file: { masked: true }, argv: ['join'], code: 'USAGE_FIXED', what: /key "masked": the founder's plan fixes/ },
    { file: [], code: 'CONFIG_MALFORMED', what: /is no JSON object$/ },
    { file: 'null', code: 'CONFIG_MALFORMED', what: /is no JSON object$/ },
    { file: '', code: 'CONFIG_MALFORMED', what: /is no valid JSON/ },
    { file: '{\n"members": 4,\n"yes" true}', code: 'CONFIG_MALFORMED', what: /is no valid JSON \(line 3 column 7\)$/ },
  ]
  for (const { file, argv = ['peer'], code, what } of refused)
    it(`of ${argv[0]} refuse ${JSON.stringify(file)}`, async () => {
      await assert.rejects(configured([...argv, '--config', fileOf(file)]), refusal(code, what))
    })

  it('refuse variables as well, by their names', async () => {
    const wrong = (environment: NodeJS.ProcessEnv) => configured(['peer'], environment)
    await assert.rejects(wrong({ COPPICE_MEMBERS: '0' }), refusal('USAGE_VALUE', /^COPPICE_MEMBERS: --members "0"/))
    await assert.rejects(wrong({ COPPICE_YES: '1' }), refusal('CONFIG_VALUE', /^COPPICE_YES: expected true$/))
  })

  it('quote nothing of a file that cannot be parsed: it may hold an invitation', async () => {
    const path = fileOf(`{"invitation": "${INVITATION}" "yes": true}`)
    const { exit, stderr } = await coppice('join', '--config', path)
    assert.equal(exit, 2)
    assert.doesNotMatch(stderr, /abab|cdcd/)
  })

  it('refuse files that cannot be read, and bytes that are no text', async () => {
    const nowhere = join(directory, 'nowhere.json')
    await assert.rejects(configured(['peer', '--config', nowhere]), refusal('CONFIG_UNREADABLE', /\(ENOENT\)/))
    await assert.rejects(configured(['peer', '--config', directory]), refusal('CONFIG_UNREADABLE', /\(EISDIR\)/))
    const bytes = fileOf('')
    writeFileSync(bytes, Buffer.from([0x7b, 0xff, 0x7d]))
    await assert.rejects(configured(['peer', '--config', bytes]), refusal('CONFIG_MALFORMED', /is not UTF-8$/))
  })

  it('say how a command ends, where the file asks for JSON', async () => {
    const { exit, stdout } = await coppice('evaluate', '--config', fileOf({ json: true }))
    assert.equal(exit, 2)
    assert.equal(JSON.parse(stdout).error.code, 'USAGE_MISSING')
  })

  it('of the example in docs/reference/configuration.md are understood', async () => {
    const page = readFileSync(join(PACKAGE_ROOT, 'docs/reference/configuration.md'), 'utf8')
    const [, example] = /```json\n([\s\S]+?)```/.exec(page) ?? []
    const { options } = await configured(['peer', '--config', fileOf(example)])
    assert.equal(options['name'], 'North clinic')
    assert.deepEqual(options['metrics'], { host: '127.0.0.1', port: 9464 })
  })
})
