import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { importsOf, telemetryFaults, violations } from '../../../scripts/dev/rules.ts'

describe('import rules', () => {
  const refused = [
    { path: 'src/model/a.ts', source: "import { Peer } from '../../peers/peer.ts'", says: 'src must not know peers' },
    {
      path: 'src/a.ts',
      source: "import type {\n  Plan,\n} from '../protocols/plan.ts'",
      says: 'must not know protocols',
    },
    { path: 'src/a.ts', source: "import { createLibp2p } from 'libp2p'", says: 'no network' },
    { path: 'src/a.ts', source: "export * from '@chainsafe/libp2p-noise'", says: 'no network' },
    { path: 'protocols/a.ts', source: "import { readFile } from 'node:fs/promises'", says: 'neither files' },
    { path: 'protocols/a.ts', source: "await import('onnxruntime-web')", says: 'nor models' },
    { path: 'protocols/a.ts', source: 'setTimeout(() => {}, 5)', says: 'time is handed in' },
    { path: 'peers/a.ts', source: "import { main } from '../scripts/main.ts'", says: 'peers must not know scripts' },
    { path: 'src/a.ts', source: "import { sharedPath } from '../test/shared.ts'", says: 'not one of' },
    { path: 'src/merge/a.ts', source: 'const a = 1\nconst b = Math.exp(a)', says: 'src/merge/a.ts:2 uses Math.exp' },
    { path: 'src/prune/a.ts', source: 'Math.random()', says: 'chance' },
    { path: 'src/model/a.ts', source: "import * as ort from 'onnxruntime-node'", says: 'its telemetry off' },
    { path: 'peers/a.ts', source: "new Worker('a.ts')", says: 'starts a thread' },
  ]
  for (const { path, source, says } of refused) {
    it(`refuses in ${path}: ${JSON.stringify(source)}`, () => {
      const found = violations(path, source)
      assert.equal(found.length, 1)
      assert.ok(found[0].includes(says), found[0])
    })
  }

  const allowed = [
    { path: 'scripts/a.ts', source: "import { Engine } from '../src/engine/engine.ts'" },
    { path: 'peers/a.ts', source: "import { readFile } from 'node:fs/promises'\nsetTimeout(() => {}, 5)" },
    { path: 'src/merge/a.ts', source: 'Math.sqrt(Math.fround(2)) // not Math.exp' },
    { path: 'src/model/a.ts', source: 'Math.exp(1)' },
    { path: 'src/model/a.ts', source: "import * as ort from '../runtime/onnx-runtime.ts'" },
    { path: 'src/prune/a.ts', source: "import '../runtime/no-telemetry.ts'\nnew Worker('a.ts')" },
    { path: 'protocols/a.ts', source: "/** never import from 'node:fs' */\nconst link = 'http://a' + Math.exp(1)" },
  ]
  for (const { path, source } of allowed) {
    it(`allows in ${path}: ${JSON.stringify(source)}`, () => assert.deepEqual(violations(path, source), []))
  }

  it('refuses a test that loads ONNX Runtime with its telemetry on', () => {
    const [fault] = telemetryFaults('test/a.ts', "import { Tensor } from 'onnxruntime-node'")
    assert.match(fault, /src\/runtime\/onnx-runtime\.ts/)
  })

  it('sees static, side-effect, re-exporting and dynamic imports', () => {
    const code = "import a from 'a'\nimport 'b'\nexport { c } from \"c\"\nawait import('d')"
    assert.deepEqual(importsOf(code), ['a', 'b', 'c', 'd'])
  })
})
