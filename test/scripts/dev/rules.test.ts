import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  circles,
  crowdedFolders,
  lonelyExports,
  MAX_COMMENT_COLUMNS,
  MAX_FILES_A_FOLDER,
  telemetryFaults,
  violations,
  wideComments,
} from '../../../scripts/dev/rules.ts'
import { importsOf } from '../../../scripts/dev/source.ts'

describe('the rules for one file', () => {
  const refused = [
    { path: 'src/model/a.ts', source: "import { Peer } from '../../peers/peer.ts'", says: 'src must not know peers' },
    {
      path: 'src/base/a.ts',
      source: "import type {\n  Plan,\n} from '../../protocols/plan/plan.ts'",
      says: 'must not know protocols',
    },
    { path: 'src/base/a.ts', source: "import { createLibp2p } from 'libp2p'", says: 'no network' },
    { path: 'src/base/a.ts', source: "export * from '@chainsafe/libp2p-noise'", says: 'no network' },
    { path: 'protocols/a.ts', source: "import { readFile } from 'node:fs/promises'", says: 'neither files' },
    { path: 'protocols/a.ts', source: "await import('onnxruntime-web')", says: 'nor models' },
    { path: 'peers/a.ts', source: "import { main } from '../scripts/main.ts'", says: 'peers must not know scripts' },
    { path: 'src/base/a.ts', source: "import { sharedPath } from '../../test/shared.ts'", says: 'not one of' },
    { path: 'src/form/a.ts', source: "import { lowest } from '../prune/masks/lowest.ts'", says: 'a higher floor' },
    {
      path: 'src/algebra/a.ts',
      source: "import { OnnxAlgebra } from '../runtime/onnx-algebra.ts'",
      says: 'a higher floor',
    },
    { path: 'src/merge/a.ts', source: "import type { Job } from '../jobs/job.ts'", says: 'merge must not know jobs' },
    { path: 'src/model/a.ts', source: "import { a } from '../attic/a.ts'", says: 'src has the rooms' },
    { path: 'protocols/a.ts', source: 'setTimeout(() => {}, 5)', says: 'time is handed in' },
    { path: 'protocols/a.ts', source: "import { setTimeout } from 'node:timers/promises'", says: 'time is handed in' },
    { path: 'src/engine/a.ts', source: 'const start = process.hrtime.bigint()', says: 'time is handed in' },
    {
      path: 'src/engine/a.ts',
      source: "import { performance as p } from 'node:perf_hooks'",
      says: 'time is handed in',
    },
    { path: 'src/engine/a.ts', source: 'const { now } = performance', says: 'time is handed in' },
    { path: 'src/engine/a.ts', source: 'const now = Date()', says: 'time is handed in' },
    { path: 'src/prune/a.ts', source: 'Math.random()', says: 'chance' },
    { path: 'protocols/a.ts', source: 'crypto.getRandomValues(bytes)', says: 'chance' },
    { path: 'src/merge/a.ts', source: 'const a = 1\nconst b = Math.exp(a)', says: 'src/merge/a.ts:2 uses Math.exp' },
    { path: 'src/merge/a.ts', source: "const b = Math['exp'](1)", says: 'same bits' },
    { path: 'src/merge/a.ts', source: 'for (const b of new Set(a)) sum += b', says: 'iteration follows' },
    { path: 'src/form/a.ts', source: 'const b = Math.log2(8)', says: 'same bits' },
    { path: 'src/prune/masks/a.ts', source: 'const b = Math.hypot(1, 2)', says: 'same bits' },
    { path: 'src/algebra/a.ts', source: 'const b = Math.hypot(1, 2)', says: 'same bits' },
    { path: 'src/prune/run/group.ts', source: 'const b = Math.exp(1)', says: 'same bits' },
    { path: 'src/merge/masks/a.ts', source: 'const b = x ** 3', says: 'powers' },
    { path: 'src/prune/sparsegpt/a.ts', source: 'const b = x ** 3', says: 'powers' },
    { path: 'src/form/a.ts', source: 'const b = 2 ** exponent', says: 'powers' },
    { path: 'src/merge/a.ts', source: 'const share = targetPpm / 1e6', says: 'a count in integers' },
    { path: 'src/prune/masks/a.ts', source: 'const share = ppmToFraction(target.ppm)', says: 'a count in integers' },
    { path: 'src/model/a.ts', source: "import * as ort from 'onnxruntime-node'", says: 'its telemetry off' },
    { path: 'peers/a.ts', source: "new Worker('a.ts')", says: 'starts a thread' },
    { path: 'src/base/a.ts', source: `// ${'x'.repeat(MAX_COMMENT_COLUMNS)}`, says: 'a comment of 123 columns' },
  ]
  for (const { path, source, says } of refused) {
    it(`refuse in ${path}: ${JSON.stringify(source)}`, () => {
      const found = violations(path, source)
      assert.ok(
        found.some((fault) => fault.includes(says)),
        found.join('\n'),
      )
    })
  }

  const allowed = [
    { path: 'scripts/a.ts', source: "import { Engine } from '../src/engine/engine.ts'" },
    { path: 'peers/a.ts', source: "import { readFile } from 'node:fs/promises'\nsetTimeout(() => {}, 5)" },
    { path: 'src/merge/a.ts', source: "import { lowest } from '../prune/masks/lowest.ts'" },
    { path: 'src/merge/a.ts', source: 'Math.sqrt(Math.fround(2)) // not Math.exp' },
    { path: 'src/merge/a.ts', source: 'const words = 2 ** 32' },
    { path: 'src/model/a.ts', source: 'Math.exp(1) + 3 ** 0.5' },
    { path: 'src/model/a.ts', source: "import * as ort from '../runtime/onnx-runtime.ts'" },
    { path: 'src/prune/a.ts', source: "import '../runtime/no-telemetry.ts'\nnew Worker('a.ts')" },
    { path: 'src/base/stopwatch.ts', source: 'const start = process.hrtime.bigint()' },
    { path: 'src/model/a.ts', source: "import { setImmediate } from 'node:timers/promises'" },
    { path: 'protocols/a.ts', source: "/** never import from 'node:fs' */\nconst link = 'http://a' + Math.exp(1)" },
  ]
  for (const { path, source } of allowed) {
    it(`allow in ${path}: ${JSON.stringify(source)}`, () => assert.deepEqual(violations(path, source), []))
  }

  it('refuse a test that loads ONNX Runtime with its telemetry on', () => {
    const [fault] = telemetryFaults('test/a.ts', "import { Tensor } from 'onnxruntime-node'")
    assert.match(fault, /src\/runtime\/onnx-runtime\.ts/)
  })

  it('count columns of comments alone, behind code too', () => {
    const [wide, narrow] = [MAX_COMMENT_COLUMNS + 1, MAX_COMMENT_COLUMNS]
    for (const [line, faults] of [
      [' * '.padEnd(wide, 'x'), 1],
      [' * '.padEnd(narrow, 'x'), 0],
      ['const a = 1 // '.padEnd(wide, 'x'), 1],
      [`const a = '${'x'.repeat(wide)}'`, 0],
      [`const a = 'http://${'x'.repeat(wide)}'`, 0],
    ] as const)
      assert.equal(wideComments('a.ts', line).length, faults, line)
  })

  it('see static, side-effect, re-exporting and dynamic imports', () => {
    const code = "import a from 'a'\nimport 'b'\nexport { c } from \"c\"\nawait import('d')"
    assert.deepEqual(importsOf(code), ['a', 'b', 'c', 'd'])
  })
})

describe('the rules for all files together', () => {
  it('refuse a circle of imports, of types and dynamic ones too', () => {
    const [circle, ...others] = circles(
      new Map([
        ['src/a.ts', "import type { B } from './b.ts'"],
        ['src/b.ts', "const c = await import('./c.ts')"],
        ['src/c.ts', "export { a } from './a.ts'"],
        ['src/d.ts', "import './a.ts'"],
      ]),
    )
    assert.equal(circle, 'a circle of imports: src/a.ts -> src/b.ts -> src/c.ts -> src/a.ts')
    assert.deepEqual(others, [])
  })

  it('allow a circle inside the folder of one protocol, and none between two', () => {
    const inside = new Map([
      ['protocols/blob/index.ts', "export { client } from './client.ts'"],
      ['protocols/blob/client.ts', "import type { Init } from './index.ts'"],
    ])
    assert.deepEqual(circles(inside), [])
    const between = new Map([
      ['protocols/blob/index.ts', "import '../sync/index.ts'"],
      ['protocols/sync/index.ts', "import '../blob/index.ts'"],
    ])
    assert.equal(circles(between).length, 1)
  })

  it('refuse a folder with one file too many', () => {
    const files = (count: number) => Array.from({ length: count }, (_, k) => `src/a/${k}.ts`)
    assert.deepEqual(crowdedFolders([...files(MAX_FILES_A_FOLDER), 'src/a/b/c.ts']), [])
    const [fault] = crowdedFolders(files(MAX_FILES_A_FOLDER + 1))
    assert.equal(fault, `src/a holds ${MAX_FILES_A_FOLDER + 1} files: at most ${MAX_FILES_A_FOLDER}`)
  })

  it('refuse an export that only its own file uses', () => {
    const lonely = (other: string) =>
      lonelyExports(
        new Map([
          ['src/a.ts', 'export const a = 1\nexport async function b() {}\nconst c = a\nexport interface D {}'],
          ['src/b.ts', other],
        ]),
      )
    assert.deepEqual(lonely("import { a, type D } from './a.ts'"), ['src/a.ts exports b, which no other file imports'])
    for (const all of [
      "import * as all from './a.ts'",
      "import { a as x, b, type D } from './a.ts'",
      "const { a, b } = await import('./a.ts')\nexport type { D } from './a.ts'",
    ])
      assert.deepEqual(
        lonely(all).filter((fault) => fault.startsWith('src/a.ts')),
        [],
        all,
      )
  })
})
