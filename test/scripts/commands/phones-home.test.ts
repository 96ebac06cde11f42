/** Nothing phones home: the commands a person types, in an empty home, and what they ask of the system's sockets. */
import assert from 'node:assert/strict'
import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { askPeer } from '../../../peers/status/socket.ts'
import type { Invited } from '../../../peers/status/status-book.ts'
import { PACKAGE_ROOT } from '../../../scripts/paths.ts'
import { siteText } from '../../support/sites.ts'

const COMMAND = join(PACKAGE_ROOT, 'bin/coppice.js')
const MODEL = join(PACKAGE_ROOT, 'test/fixtures/stories260k')
const directory = mkdtempSync(join(tmpdir(), 'coppice-test-'))
after(() => rmSync(directory, { recursive: true, force: true }))

/** Directories that a program takes for its user's, all empty. */
class Home {
  private readonly path: string
  private readonly environment: NodeJS.ProcessEnv

  constructor(name: string) {
    this.path = join(directory, `home-${name.replaceAll(' ', '')}`)
    const [cache, temporary] = [join(this.path, 'cache'), join(this.path, 'tmp')]
    mkdirSync(temporary, { recursive: true })
    const { ORT_DISABLE_TELEMETRY: _, XDG_STATE_HOME: __, ...environment } = process.env
    this.environment = { ...environment, HOME: this.path, XDG_CACHE_HOME: cache, TMPDIR: temporary }
  }

  start([program, ...argv]: string[]): ChildProcessByStdio<null, Readable, Readable> {
    return spawn(program, argv, { cwd: this.path, env: this.environment, stdio: ['ignore', 'pipe', 'pipe'] })
  }

  async run(line: string[]): Promise<void> {
    const child = this.start(line)
    child.stdout.resume()
    await endOf(child)
  }

  files(): string[] {
    return readdirSync(this.path, { recursive: true, encoding: 'utf8' }).filter((path) => path !== 'tmp')
  }
}

async function endOf(child: ChildProcessByStdio<null, Readable, Readable>): Promise<void> {
  let stderr = ''
  child.stderr.on('data', (chunk) => (stderr += chunk))
  const [exit] = await once(child, 'close')
  assert.equal(exit, 0, stderr)
}

const text = siteText(directory, 0)
const small = ['--windows', '2', '--window', '64']
const site = ['--model', MODEL, '--text', text]
const plan = ['--pruner', 'wanda', '--sparsity', '0.5', ...small]
/** Whether a command may talk to this machine; none of these may talk to another one. */
const commands = [
  { argv: ['evaluate', ...site, '--window', '64', '--eval-tokens', '256'], network: false },
  { argv: ['prune', ...site, ...plan, '--out', join(directory, 'pruned')], network: false },
  {
    argv: ['shrink', ...site, ...small, '--ratio', '0.25', '--recover', '1', '--out', join(directory, 'shrunk')],
    network: false,
  },
  {
    argv: ['simulate', '--peers', '4', '--processes', ...site, ...plan, '--out', join(directory, 'simulated')],
    network: true,
  },
]
const untraced = straceWorks() ? null : 'strace is not here, or may not trace'

for (const { argv, network } of commands) {
  describe(`coppice ${argv[0]}`, () => {
    const home = new Home(argv[0])
    const calls = join(directory, `${argv[0]}.txt`)
    before(() => home.run([...(untraced === null ? strace(calls) : []), process.execPath, COMMAND, ...argv]))

    it('leaves an empty home and temporary directory empty', () => assert.deepEqual(home.files(), []))

    it(network ? 'talks to this machine alone' : 'opens no internet socket', (context) => {
      if (untraced !== null) return context.skip(untraced)
      const sockets = readFileSync(calls, 'utf8')
        .split('\n')
        .filter((line) => line.includes('AF_'))
      assert.ok(sockets.length > 0, 'strace has seen nothing, not even what processes of one command talk through')
      const internet = sockets.filter((line) => line.includes('AF_INET'))
      if (!network) return assert.deepEqual(internet, [])
      const addresses = internet.flatMap((line) => [...line.matchAll(/inet_(?:addr|pton)\((?:AF_INET6, )?"([^"]+)"/g)])
      assert.ok(addresses.length > 0, 'strace has seen no connection')
      assert.deepEqual(
        addresses.map((match) => match[1]).filter((address) => !/^127\.|^::1$/.test(address)),
        [],
      )
    })
  })
}

describe('coppice peer and join', () => {
  const homes = [new Home('founder'), new Home('joiner')]
  const out = (name: string) => ['--yes', '--listen', '/ip4/127.0.0.1/tcp/0', '--out', join(directory, `out-${name}`)]

  it('keep in an empty home the files of the site, and nothing else', async (context) => {
    const [founder, joiner] = homes
    const founding = founder.start([
      ...[process.execPath, COMMAND, 'peer', '--members', '2', ...site, ...plan, ...out('founder')],
    ])
    context.after(() => founding.kill('SIGKILL'))
    const founded = endOf(founding)
    const address = await invitationOf(founding.stdout)
    await joiner.run([process.execPath, COMMAND, 'join', address, ...site, ...out('joiner')])
    await founded
    const expected =
      /^\.local(\/state(\/coppice(\/(peer\.key|name|plans\.wal|federations(\/[0-9a-f]{64}(\/.*)?)?))?)?)?$/
    for (const home of homes) {
      const found = home.files()
      assert.ok(found.includes('.local/state/coppice/peer.key'))
      assert.deepEqual(
        found.filter((path) => !expected.test(path)),
        [],
      )
    }
  })
})

async function invitationOf(stdout: Readable): Promise<string> {
  let said = ''
  for await (const chunk of stdout.iterator({ destroyOnReturn: false })) {
    said += chunk
    const match = /^The invitation is written into no log\..* --data (\S+)$/m.exec(said)
    if (match === null) continue
    stdout.resume()
    return ((await askPeer(match[1], 'invitation')) as Invited).invitation ?? ''
  }
  throw new Error(`no invitation in:\n${said}`)
}

/** Writes the calls on sockets of a command, and of all that it starts, to a file. */
function strace(calls: string): string[] {
  return ['strace', '-f', '--seccomp-bpf', '-e', 'trace=socket,socketpair,connect,bind,sendto', '-o', calls]
}

function straceWorks(): boolean {
  try {
    execFileSync('strace', ['-f', '--seccomp-bpf', '-o', '/dev/null', 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
