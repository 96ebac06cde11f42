import assert from 'node:assert/strict'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { EMBEDDED_MODEL } from '../../../scripts/paths.ts'
import { coppice, type Ended, lastLines } from '../../support/command-line.ts'
import { temporaryDirectory } from '../../support/nodes.ts'
import { SiteProcess, siteText } from '../../support/sites.ts'

const LISTEN = ['--listen', '/ip4/127.0.0.1/tcp/0']
const PLAN = ['--pruner', 'wanda', '--windows', '2', '--window', '64', ...LISTEN]

interface Refused {
  argv: string[]
  exit: number
  says: RegExp
  /** The founder refuses, to whom this site speaks once its plan is shown. */
  byFounder?: true
}

async function assertRefused(directory: string, { argv, exit, says, byFounder }: Refused): Promise<void> {
  const ended = await inside(directory, 'join', ...argv, '--no-listen', '--yes')
  assert.equal(ended.exit, exit, ended.stderr)
  assert.match(lastLines(ended.stderr), /^coppice: .+ \([A-Z_]+\)\n.+\n$/)
  assert.match(ended.stderr, says)
  assert.equal(ended.stdout === '', byFounder === undefined, ended.stdout)
}

/** In an empty working directory, which must be empty afterwards as well. */
async function inside(directory: string, ...argv: string[]): Promise<Ended> {
  const place = join(directory, 'refused')
  mkdirSync(place, { recursive: true })
  process.chdir(place)
  process.env['XDG_STATE_HOME'] = join(directory, 'state')
  const ended = await coppice(...argv)
  assert.deepEqual(readdirSync(place), [], ended.stderr)
  return ended
}

const home = process.cwd()
after(() => process.chdir(home))

/** The embedded model with one byte more. */
function otherModel(directory: string): string {
  const path = join(directory, 'other')
  cpSync(EMBEDDED_MODEL, path, { recursive: true })
  const tokenizer = join(path, 'tokenizer.json')
  const text = readFileSync(tokenizer, 'utf8')
  rmSync(tokenizer) // it is read-only
  writeFileSync(tokenizer, `${text}\n`)
  return path
}

test('a refusal of a founder or joiner ends in two lines and the exit code of its kind', async (context) => {
  const directory = await temporaryDirectory(context)
  const [a, b] = [siteText(directory, 0), siteText(directory, 1)]
  const short = join(directory, 'short.txt')
  writeFileSync(short, 'Too short.')
  const founder = new SiteProcess(context, directory, 'peer', '--members', '2', '--text', a, ...PLAN)
  const line = await founder.invitation()
  const [address, ticket] = line.split('#')
  const [offer, secret] = ticket.split('.')
  const zeros = (text: string) => '0'.repeat(text.length)
  const refused: Refused[] = [
    { argv: [line, '--text', b, '--model', otherModel(directory)], exit: 4, says: /is not the model of the plan/ },
    {
      argv: [`${address}#${offer}.${zeros(secret)}`, '--text', b],
      exit: 4,
      says: /secret|invitation/,
      byFounder: true,
    },
    { argv: [`${address}#${zeros(offer)}.${secret}`, '--text', b], exit: 4, says: /offer/ },
    { argv: [line, '--text', short], exit: 3, says: /short\.txt has \d+ tokens/ },
    { argv: [line], exit: 2, says: /--text is missing/ },
    { argv: [line, '--text', b, '--capacity', '0'], exit: 2, says: /--capacity "0"/ },
  ]
  for (const one of refused) await assertRefused(directory, one)
  const { exit, stderr } = await founder.stop('SIGINT')
  assert.equal(exit, 130, stderr)
  assert.doesNotMatch(stderr, /^ {4}at /m)
})

test('a federation that is full takes nobody more', async (context) => {
  const directory = await temporaryDirectory(context)
  const [a, b, c] = [0, 1, 2].map((site) => siteText(directory, site))
  const plan = [...PLAN, '--rounds', '20', '--sample', '0.1'] // long enough to come late
  const founder = new SiteProcess(context, directory, 'peer', '--members', '2', '--text', a, ...plan)
  const line = await founder.invitation()
  const joiner = new SiteProcess(context, directory, 'join', line, '--text', b, '--no-listen')
  await joiner.said('stderr', /^All have signed/m)
  await assertRefused(directory, { argv: [line, '--text', c], exit: 4, says: /full|seats/, byFounder: true })
  await Promise.all([founder.stop('SIGTERM'), joiner.stop('SIGTERM')])
})

test('a port in use is exit 5, and leaves nothing', async (context) => {
  const directory = await temporaryDirectory(context)
  const port = await portInUse(context)
  const text = siteText(directory, 0)
  const listen = ['--listen', `/ip4/127.0.0.1/tcp/${port}`]
  const argv = ['peer', '--members', '2', '--text', text, '--windows', '2', '--window', '64', ...listen, '--yes']
  const { exit, stderr } = await inside(directory, ...argv)
  assert.equal(exit, 5, stderr)
  const [what, hint] = lastLines(stderr).split('\n')
  assert.match(what, /^coppice: cannot listen on .+: the port is in use \(NETWORK_LISTEN\)$/)
  assert.ok(hint.includes(`--listen /ip4/127.0.0.1/tcp/${port + 1}`), hint)
})

async function portInUse(context: TestContext): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  context.after(() => server.close())
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}
