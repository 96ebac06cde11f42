/** Nothing phones home: the commands a person types, in an empty home, and what they ask of the system's sockets. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { PACKAGE_ROOT } from '../../scripts/paths.ts'
import { siteText } from './sites.ts'

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
    const { ORT_DISABLE_TELEMETRY: _, ...environment } = process.env
    this.environment = { ...environment, HOME: this.path, XDG_CACHE_HOME: cache, TMPDIR: temporary }
  }

  async run([program, ...argv]: string[]): Promise<void> {
    const child = spawn(program, argv, { cwd: this.path, env: this.environment, stdio: ['ignore', 'ignore', 'pipe'] })
    let stderr = ''
    child.stderr.on('data', (chunk) => (stderr += chunk))
    const [exit] = await once(child, 'close')
    assert.equal(exit, 0, stderr)
  }

  files(): string[] {
    return readdirSync(this.path, { recursive: true, encoding: 'utf8' }).filter((path) => path !== 'tmp')
  }
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

/** Writes the calls on sockets of a command, and of all that it starts, to a file. */
function strace(calls: string): string[] {
  return ['strace', '-f', '-e', 'trace=socket,socketpair,connect,bind,sendto', '-o', calls]
}

function straceWorks(): boolean {
  try {
    execFileSync('strace', ['-o', '/dev/null', 'true'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
