/** People are asked before their site signs: real commands, with the answers of scripted people. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { z } from 'zod'
import { TextLedger } from '../../../peers/kept/text-ledger.ts'
import { anyWindow } from '../../../scripts/common/texts.ts'
import { EMBEDDED_MODEL, PACKAGE_ROOT } from '../../../scripts/paths.ts'
import { runCommand } from '../../../scripts/program.ts'
import { Meter } from '../../../scripts/progress/meter.ts'
import { Terminal } from '../../../scripts/terminal/terminal.ts'
import { textFingerprint } from '../../../src/files/fingerprint.ts'
import { openEngine } from '../../../src/jobs/open-engine.ts'
import { coppice, type Ended, Recorder } from '../../support/command-line.ts'
import { temporaryDirectory } from '../../support/nodes.ts'
import { aPlan } from '../../support/people.ts'
import { Person } from '../../support/person.ts'
import { SiteProcess } from '../../support/sites.ts'

const LISTEN = ['--listen', '/ip4/127.0.0.1/tcp/0']
const PLAN = ['--members', '2', '--pruner', 'magnitude', '--windows', '2', '--window', '64']
const FIRST = /Take part as/
const SECOND = /Sign the plan as/

interface Answered extends Ended {
  person: Person
}

/** Runs a command line in this process, at the terminal of a person. */
async function at(person: Person, ...argv: string[]): Promise<Answered> {
  const stdout = new Recorder()
  const exit = await runCommand(argv, { stdin: person.keyboard, stdout, stderr: person.screen })
  return { exit, stdout: stdout.text, stderr: person.screen.text, person }
}

/** A founder in this process, and its line. */
async function founder(context: TestContext, person: Person, plan: readonly string[] = PLAN) {
  const directory = await temporaryDirectory(context)
  const line = Promise.withResolvers<string>()
  const stdout = new Recorder(true, 1000) // elsewhere the line is not written
  const write = stdout.write.bind(stdout)
  stdout.write = (text) => {
    write(text)
    const found = /^npx --no-install coppice join (\S+)$/m.exec(stdout.text)
    if (found !== null) line.resolve(found[1])
  }
  const site = ['--name', 'North clinic', '--data', join(directory, 'north'), '--out', join(directory, 'out')]
  const argv = ['peer', ...plan, ...LISTEN, ...site]
  const ended = runCommand(argv, { stdin: person.keyboard, stdout, stderr: person.screen })
  ended.then(() => line.reject(new Error(person.screen.text)))
  const join_ = (who: Person, name = 'South lab') =>
    at(
      who,
      'join',
      address,
      '--no-listen',
      '--name',
      name,
      '--data',
      join(directory, name),
      '--out',
      join(directory, `results of ${name}`),
    )
  const address = await line.promise
  return { directory, line: address, ended, join: join_ }
}

const shownSchema = z.strictObject({
  offer: z.string().regex(/^[0-9a-f]{64}$/),
  founder: z.string().regex(/^12D3KooW/),
  pruner: z.literal('magnitude'),
  sparsity: z.literal(0.5),
  pattern: z.null(),
  merge: z.literal('l0'),
  masked: z.literal(false),
  rounds: z.literal(1),
  sample: z.literal(1),
  model: z.strictObject({ name: z.literal('embedded'), hash: z.string(), parameters: z.number() }),
  members: z.literal(2),
  windows: z.literal(2),
  window: z.literal(64),
  untilChange: z.null(),
  sites: z.tuple([z.strictObject({ peer: z.string(), site: z.literal('North clinic') })]),
  words: z.strictObject({ what: z.array(z.string()), leaves: z.array(z.string()) }),
})

test('a plan is shown without taking part; a no, Ctrl-C and a no over the roster end at once, and say what they end', async (context) => {
  const north = new Person([[SECOND, 'y']])
  const { directory, ended, line, ...founding } = await founder(context, north)
  const shown = await coppice('plan', line)
  assert.equal(shown.exit, 0, shown.stderr)
  assert.match(shown.stdout, /^2 sites prune embedded together/)
  assert.match(shown.stdout, /^What will leave this site:$/m)
  assert.match(shown.stdout, /^Here so far: North clinic \(12D3KooW\w{8}\.\.\.\) \(1 of 2\)\.$/m)
  const { founder: id, sites } = shownSchema.parse(JSON.parse((await coppice('plan', line, '--json')).stdout))
  assert.equal(sites[0].peer, id)

  const no = await founding.join(new Person([[FIRST, 'n']]))
  assert.equal(no.exit, 4, no.stderr)
  assert.match(no.stderr, /What will leave this site:.*Take part as South lab\?/s, 'the plan is where the question is')
  assert.match(no.stderr, /coppice: you do not take part \(REFUSED_DECLINED\)\nNothing of this site was sent\./)

  const stopped = await founding.join(new Person([[FIRST, '\x03']]))
  assert.equal(stopped.exit, 130, stopped.stderr)
  assert.match(stopped.stderr, /Stopped\. Nothing of this site was sent\./)
  assert.doesNotMatch(north.screen.text, /South lab/)

  const declined = await founding.join(
    new Person([
      [FIRST, 'y'],
      [SECOND, 'n'],
    ]),
  )
  assert.equal(declined.exit, 4, declined.stderr)
  assert.match(declined.stderr, /^\* 12D3KooW\w{44} {2}South lab$/m)
  assert.match(declined.stderr, new RegExp(`^ {2}${id} {2}North clinic$`, 'm'))
  assert.match(declined.stderr, /coppice: you do not sign the plan \(REFUSED_DECLINED\)\nThe founding ends for all/)
  assert.equal(await ended, 4)
  assert.match(north.screen.text, /^South lab \(12D3KooW\w{8}\.\.\.\) is here\.$/m)
  assert.match(north.screen.text, new RegExp(`^\\* ${id} {2}North clinic$`, 'm'))
  assert.match(
    north.screen.text,
    /coppice: South lab \(12D3KooW\w{8}\.\.\.\) does not sign the plan \(REFUSED_DECLINED\)\nThere is no federation/,
  )
  assert.deepEqual(readdirSync(directory).sort(), ['South lab', 'north'], 'no results')
})

test('Ctrl-C over the roster ends the founding for the other by name', async (context) => {
  const north = new Person([])
  const { ended, ...founding } = await founder(context, north)
  const stopped = await founding.join(
    new Person([
      [FIRST, 'y'],
      [SECOND, '\x03'],
    ]),
    'Nоrth clinic', // a Cyrillic o
  )
  assert.equal(stopped.exit, 130, stopped.stderr)
  assert.match(stopped.stderr, /Stopped\. This site has not signed, so the founding ends for all\./)
  assert.match(stopped.stderr, /look alike, and are two sites\./)
  assert.equal(await ended, 6)
  assert.match(
    north.screen.text,
    /coppice: Nоrth clinic \(12D3KooW\w{8}\.\.\.\) left before it signed the plan \(NO_AGREEMENT_SIGNATURES\)\n/,
  )
})

test('a site whose text was in sums with other members reads whose part one more would show, and is asked', async (context) => {
  const north = new Person([[SECOND, 'y']])
  const masked = ['--members', '3', '--pruner', 'magnitude', '--merge', 'pooled', '--masked', '--window', '64']
  const { directory, ended, ...founding } = await founder(context, north, masked)
  const south = join(directory, 'South lab')
  mkdirSync(south, { mode: 0o700 })
  await using engine = openEngine()
  const terminal = Terminal.silent()
  const reading = { engine, terminal, meter: new Meter(terminal.work), signal: new AbortController().signal }
  const text = textFingerprint(await anyWindow(reading, EMBEDDED_MODEL))
  await TextLedger.open(south).record({ text, plan: aPlan().plan, at: 0 })
  const yes: Array<[RegExp, string]> = [
    [FIRST, 'y'],
    [SECOND, 'y'],
  ]
  const west = new Person(yes)
  const [asked, other] = await Promise.all([
    founding.join(
      new Person([
        [FIRST, 'y'],
        [/Sign the plan all the same as South lab\?/, 'n'],
      ]),
    ),
    founding.join(west, 'West court'),
  ])
  assert.match(asked.stderr, /Masked: nobody sees what a single site offers, only sums over at least 3 sites\./)
  assert.match(
    asked.stderr,
    /Your text was in sums before, in federation [0-9a-f]{8} on 1970-01-01, with other members:/,
  )
  assert.match(asked.stderr, /^ {2}site 2 \(12D3KooW\w{8}\.\.\.\) was there, and is not here\.$/m)
  assert.match(asked.stderr, /^ {2}West court \(12D3KooW\w{8}\.\.\.\) is here, and was not there\.$/m)
  assert.deepEqual([asked.exit, other.exit, await ended], [4, 4, 4])
  for (const { screen } of [north, west]) assert.doesNotMatch(screen.text, /in sums before/)
})

const HAS_SCRIPT = spawnSync('script', ['-qec', 'true', '/dev/null']).status === 0

test('a site whose person answers at a terminal takes part', {
  skip: !HAS_SCRIPT && 'needs script of util-linux for a terminal',
}, async (context) => {
  const directory = await temporaryDirectory(context)
  const outs = ['a', 'b'].map((name) => join(directory, name))
  const first = new SiteProcess(context, directory, 'peer', ...PLAN, ...LISTEN, '--out', outs[0])
  const state = join(directory, 'state')
  mkdirSync(state)
  const argv = ['join', await first.invitation(), '--no-listen', '--out', outs[1]]
  const command = [process.execPath, join(PACKAGE_ROOT, 'bin', 'coppice.js'), ...argv].map((word) => `'${word}'`)
  const child = spawn('script', ['-qec', `stty cols 100 && ${command.join(' ')}`, '/dev/null'], {
    env: { ...process.env, XDG_STATE_HOME: state },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  context.after(() => child.kill('SIGKILL'))
  let text = ''
  let answers = 0
  child.stdout.on('data', (chunk) => {
    text += chunk
    const questions = [FIRST, SECOND].filter((question) => question.test(text)).length
    for (; answers < questions; answers++) child.stdin.write('y')
  })
  const [[exit], ended] = await Promise.all([once(child, 'close'), first.ended])
  assert.deepEqual([exit, ended.exit], [0, 0], `${text}\n${ended.stderr}`)
  const [a, b] = outs.map((out) => JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')))
  assert.equal(a.root, b.root)
  assert.deepEqual(readdirSync(join(state, 'coppice')).sort(), ['federations', 'peer.key', 'plans.wal'])
})
