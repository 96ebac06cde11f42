import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, describe, it } from 'node:test'
import { PACKAGE_ROOT, VERSION } from '../../scripts/paths.ts'

const directory = mkdtempSync(join(tmpdir(), 'coppice-test-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const text = join(directory, 'text.txt')
writeFileSync(text, 'A wood is cut back, and grows again. '.repeat(2000))
const [SIGINT, SIGTERM] = [
  { signal: 'SIGINT', expected: 130 },
  { signal: 'SIGTERM', expected: 143 },
] as const

/** A stop while they prune leaves in --out: of simulate nothing, of prune the finished blocks, and never a model. */
const commands = [
  {
    by: SIGTERM,
    argv: [
      ...['simulate', '--peers', '2', '--text', text, '--pruner', 'wanda', '--sparsity', '0.5'],
      ...['--windows', '4', '--window', '64', '--eval-tokens', '128'],
    ],
    at: /^\S+ prunes alone · block 2 of 6/m,
    last: 'Nothing is kept\\. The same command begins anew\\.\n',
    kept: null,
  },
  {
    by: SIGINT,
    at: /^Pruning · block 2 of 6/m,
    argv: ['prune', '--text', text, '--windows', '8', '--window', '64', '--pruner', 'sparsegpt', '--sparsity', '0.5'],
    last: 'Kept: [1-6] of 6 blocks, in .*\\. To go on: the same command\\.\n',
    kept: ['.unfinished'],
  },
]

/** A Node on this machine that is too old for the sources, and the Node that runs this test. */
const old = oldNode()
const nodes = [
  { name: 'Node 24', path: process.execPath, skip: false, stopped: commands },
  // It hands its signals on: one command shows that.
  {
    name: 'an older Node',
    path: old ?? '',
    skip: old === null && 'needs an older Node on the path',
    stopped: [{ ...commands[1], by: SIGTERM }],
  },
]

for (const { name, path, skip, stopped } of nodes) {
  describe(`bin/coppice.js under ${name}`, { skip }, () => {
    it('runs the command and passes its exit code on', async () => {
      assert.deepEqual(await run(path, ['--version']), { code: 0, stdout: `${VERSION}\n`, stderr: '' })
      const { code, stderr } = await run(path, ['simulate', '--sparsity', '1.5'])
      assert.equal(code, 2)
      assert.equal(stderr.split('\n').length, 3)
    })

    for (const { argv, at, by, last, kept } of stopped) {
      const { expected, signal } = by
      it(`ends ${argv[0]} with ${expected} on ${signal}, and leaves nothing half-written`, async () => {
        const out = join(directory, `${name}-${argv[0]}-${signal}`)
        const { code, stderr } = await run(path, [...argv, '--out', out], { signal, at })
        assert.equal(code, expected, stderr)
        assert.match(stderr, new RegExp(`Stopped\\. ${last}$`))
        assert.deepEqual(existsSync(out) ? readdirSync(out) : null, kept)
      })
    }
  })
}

/** @param stop - a signal, sent once this is written to stderr */
async function run(node: string, argv: string[], stop?: { signal: NodeJS.Signals; at: RegExp }) {
  const child = spawn(node, [join(PACKAGE_ROOT, 'bin', 'coppice.js'), ...argv])
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk) => (stdout += chunk))
  child.stderr.on('data', (chunk) => {
    const before = stderr
    stderr += chunk
    if (stop?.at.test(stderr) && !stop.at.test(before)) child.kill(stop.signal)
  })
  const [code] = await once(child, 'close')
  return { code, stdout, stderr }
}

function oldNode(): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, 'node')
    if (!existsSync(path)) continue
    const major = execFileSync(path, ['-p', 'process.versions.node.split(".")[0]'], { encoding: 'utf8' })
    if (Number(major) < 24) return path
  }
  return null
}
