/** The package as npm itself installs it, with all its dependencies; it takes them from its cache where it can. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { environment, pack, unpackedInto, writeExamples } from '../support/installed/packed.ts'

const scratch = mkdtempSync(join(tmpdir(), 'coppice-package-'))
after(() => rmSync(scratch, { recursive: true, force: true }))
const env = environment(scratch)
let tarball = ''
before(() => void (tarball = pack(scratch)))

const SMALL = ['--peers', '2', '--pruner', 'wanda', '--windows', '2', '--window', '64', '--eval-tokens', '128']

describe('npm install into an empty folder', () => {
  for (const [how, flags, variables] of [
    ['with the variable that turns the download off', [], { ONNXRUNTIME_NODE_INSTALL: 'skip' }],
    ['without install scripts', ['--ignore-scripts'], {}],
  ] as const) {
    it(`works ${how}, downloads no CUDA, and runs simulate`, (context: TestContext) => {
      const folder = join(scratch, flags.join() || 'variable')
      mkdirSync(folder)
      writeFileSync(join(folder, 'package.json'), '{}')
      const line = ['install', '--prefer-offline', '--no-audit', '--no-fund', ...flags, tarball]
      const installed = spawnSync('npm', line, { cwd: folder, env: { ...env, ...variables }, encoding: 'utf8' })
      if (/ENOTFOUND|EAI_AGAIN|ENOTCACHED|ECONNREFUSED/.test(installed.stderr)) return context.skip('needs a registry')
      assert.equal(installed.status, 0, installed.stderr)
      const modules = join(folder, 'node_modules')
      assert.deepEqual(globSync('onnxruntime-node/bin/**/*cuda*', { cwd: modules }), [])
      const simulate = ['--no-install', 'coppice', 'simulate', ...SMALL, '--baselines', 'none', '--json']
      const stdout = execFileSync('npx', simulate, { cwd: folder, env, encoding: 'utf8', stdio: 'pipe' })
      const { peers } = JSON.parse(stdout) as { peers: { root: string }[] }
      assert.equal(new Set(peers.map(({ root }) => root)).size, 1)
    })
  }
})

it('the examples of docs/reference/library.md run, one after the other', () => {
  const consumer = unpackedInto(join(scratch, 'consumer'), tarball)
  const examples = writeExamples(consumer)
  writeFileSync(join(consumer, 'all.js'), `for (const file of ${JSON.stringify(examples)}) await import('./' + file)`)
  const stdout = execFileSync(process.execPath, ['all.js'], { cwd: consumer, env, encoding: 'utf8', stdio: 'pipe' })
  for (const told of [
    /^\d+ of \d+ weights are zero\nperplexity \d+\.\d+\n1 of 5 blocks\nenough for today\nthe text .*nowhere\.txt does not/,
    /^What will leave this site:$[\s\S]*^Take part as [\s\S]*^All 2 sites are here[\s\S]*^Sign the plan as /m,
    /^round 1 is certified\n\[\s*'([0-9a-f]{64})',\s*'\1'\s*\]\n1 rounds, \d+ signatures, root \1\n$/m,
  ])
    assert.match(stdout, told)
})
