import assert from 'node:assert/strict'
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { contentsOf } from '../../../../scripts/commands/bundle/contents.ts'
import { coppice } from '../../../support/command-line.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'

const ROOT = 'ab'.repeat(32)
const RESULTS = [
  'certificates/1.cbor',
  'certificates/10.cbor',
  `contributions/${ROOT}`,
  'model/README.md',
  'model/code/extra.py',
  'model/onnx/model.onnx',
  'plan.cbor',
  'report.html',
  'report.json',
]
/** Files that may lie beside the results by an older version, by a person's hand, or by a crash. */
const OTHERS = [
  'certificates/1.cbor.12.part',
  'contributions/secrets.cbor',
  'data/federations/0a/journal.wal',
  'log.ndjson',
  'mine.txt',
  'model.part/onnx/model.onnx',
  'model/.env',
  'model/.git/config',
  'peer.key',
  'plan.cbor.1.part',
  'status.sock',
  'text-ledger.cbor',
]

async function directoryWith(context: TestContext, files: readonly string[]): Promise<string> {
  const dir = await temporaryDirectory(context)
  for (const name of files) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), name)
  }
  return dir
}

describe('a bundle', () => {
  it('has the files that verify reads, and the reports, in the order of their names', async (context) => {
    assert.deepEqual(contentsOf(await directoryWith(context, RESULTS)), { files: RESULTS, left: [] })
  })

  it('leaves out whatever else lies there, and no link leads it elsewhere', async (context) => {
    const dir = await directoryWith(context, [...RESULTS, ...OTHERS])
    const secret = join(dir, 'peer.key')
    for (const name of ['model/weights.bin', `contributions/${'cd'.repeat(32)}`, 'certificates/2.cbor'])
      symlinkSync(secret, join(dir, name))
    symlinkSync(join(dir, 'data'), join(dir, 'model/data'))
    const { files, left } = contentsOf(dir)
    assert.deepEqual(files, RESULTS)
    assert.deepEqual(left, [
      'certificates/1.cbor.12.part',
      'certificates/2.cbor',
      `contributions/${'cd'.repeat(32)}`,
      'contributions/secrets.cbor',
      'data',
      'log.ndjson',
      'mine.txt',
      'model.part',
      'model/.env',
      'model/.git',
      'model/data',
      'model/weights.bin',
      'peer.key',
      'plan.cbor.1.part',
      'status.sock',
      'text-ledger.cbor',
    ])
  })

  it('is refused where something is missing that verify needs', async (context) => {
    const dir = await directoryWith(context, RESULTS)
    for (const name of ['plan.cbor', 'certificates', 'contributions', 'model']) {
      const lacking = await directoryWith(context, RESULTS)
      rmSync(join(lacking, name), { recursive: true })
      assert.throws(() => contentsOf(lacking), { code: 'BUNDLE_INCOMPLETE', message: new RegExp(`has no ${name}`) })
    }
    const damaged = await coppice('bundle', dir, '--out', join(dir, '..', 'x.tar.gz'))
    assert.equal(damaged.exit, 7, damaged.stderr) // plan.cbor is no plan
    const nowhere = await coppice('bundle', join(dir, 'nowhere'))
    assert.deepEqual([nowhere.exit, /\((\w+)\)\n/.exec(nowhere.stderr)?.[1]], [3, 'BUNDLE_INCOMPLETE'])
  })
})
