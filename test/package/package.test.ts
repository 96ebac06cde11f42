/** The package as others get it. It is packed once for all tests of this file. */
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { PACKAGE_ROOT } from '../../scripts/paths.ts'
import { environment, filesOf, pack, typeFaults, unpackedInto, writeExamples } from '../support/installed/packed.ts'

const scratch = mkdtempSync(join(tmpdir(), 'coppice-package-'))
after(() => rmSync(scratch, { recursive: true, force: true }))

describe('the package', () => {
  let files: string[] = []
  let consumer = ''
  before(() => {
    const tarball = pack(scratch)
    files = filesOf(tarball)
    consumer = unpackedInto(join(scratch, 'consumer'), tarball)
  })
  const run = (program: string, ...argv: string[]) =>
    execFileSync(program, argv, { cwd: consumer, env: environment(scratch), encoding: 'utf8', stdio: 'pipe' })

  it('holds the compiled program, its types, model, texts and pages, and no sources or tests', () => {
    const tops = new Set(files.map((file) => file.split('/')[0]))
    const wanted = ['CHANGELOG.md', 'LICENSE', 'README.md', 'bin', 'deploy', 'dist', 'docs', 'models', 'package.json']
    assert.deepEqual([...tops].sort(), wanted)
    const strays = files.filter((file) => /(?<!\.d)\.ts$|^dist\/(test|scripts\/(bench|dev))\//.test(file))
    assert.deepEqual(strays, [])
    for (const file of ['scripts/library/index.d.ts', 'src/onnx/generated/onnx_pb.js'])
      assert.ok(files.includes(`dist/${file}`), file)
    assert.equal(existsSync(join(PACKAGE_ROOT, 'dist')), false, 'the repository keeps no dist')
  })

  it('runs npx coppice simulate, with the model and the texts that it holds', () => {
    const small = ['--peers', '2', '--pruner', 'wanda', '--windows', '2', '--window', '64', '--eval-tokens', '128']
    const line = ['--no-install', 'coppice', 'simulate', ...small, '--baselines', 'none', '--json']
    const { peers, perplexity } = JSON.parse(run('npx', ...line)) as {
      peers: { root: string }[]
      perplexity: { text: string }[]
    }
    assert.equal(new Set(peers.map(({ root }) => root)).size, 1)
    assert.deepEqual(
      perplexity.map(({ text }) => text),
      ['early', 'middle', 'late', 'novel'],
    )
  })

  it('is a library: the examples of docs/reference/library.md compile in a strict program, and the first one runs', () => {
    const examples = writeExamples(consumer)
    assert.ok(examples.length >= 5)
    assert.equal(typeFaults(consumer, examples), '')
    assert.match(run(process.execPath, examples[0]), /^\d+ of \d+ weights are zero\nperplexity \d+\.\d+\n$/)
  })

  it('documents a variable that keeps ONNX Runtime from downloading', () => {
    const page = readFileSync(join(PACKAGE_ROOT, 'docs', 'how-to', 'install.md'), 'utf8')
    const [, name, value] = /^(\w+)=(\w+) npm install/m.exec(page) ?? []
    const script = join(PACKAGE_ROOT, 'node_modules', 'onnxruntime-node', 'script', 'install.js')
    // As npm runs it. It would write the files that it downloads below bin/, or fail.
    const env = { PATH: process.env['PATH'], [name]: value }
    const { status, stdout, stderr } = spawnSync(process.execPath, [script], { env, encoding: 'utf8' })
    assert.deepEqual({ status, stdout, stderr }, { status: 0, stdout: '', stderr: '' })
    assert.deepEqual(globSync('bin/**/*cuda*', { cwd: join(script, '..', '..') }), [])
  })

  it('says that Node is too old, where it is, and names no folder of a repository', () => {
    const bin = join(consumer, 'node_modules', 'coppice', 'bin', 'coppice.js')
    const older = `Object.defineProperty(process, 'versions', { value: { node: '20.0.0' } })`
    const line = ['--input-type=module', '--eval', `${older}; await import(${JSON.stringify(bin)})`]
    const { status, stderr } = spawnSync(process.execPath, line, { encoding: 'utf8' })
    assert.equal(stderr, 'coppice: Node 20.0.0 is too old, 24 is needed (USAGE_NODE)\nInstall Node 24 or newer.\n')
    assert.equal(status, 2)
  })

  it('says that it was packed without its program, where npm ran no scripts', () => {
    const bare = join(scratch, 'bare')
    cpSync(join(PACKAGE_ROOT, 'bin'), join(bare, 'bin'), { recursive: true })
    writeFileSync(join(bare, 'package.json'), '{ "type": "module" }')
    const { status, stderr } = spawnSync(process.execPath, [join(bare, 'bin', 'coppice.js')], { encoding: 'utf8' })
    assert.match(stderr, /^coppice: .* \(USAGE_UNBUILT\)\nPack it with npm run pack, and install it again\.\n$/)
    assert.equal(status, 2)
  })
})
