import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fingerprint } from '../../../src/files/fingerprint.ts'
import { RecordFile } from '../../../src/files/record.ts'
import { UnfinishedRecord } from '../../../src/files/unfinished.ts'
import { temporaryDirectory } from '../../support/nodes.ts'

const windows = { ids: Int32Array.of(1, 2, 3, 4), count: 2, length: 2 }
const INPUTS = {
  ...{ domain: 'test', modelName: 'small', modelHash: new Uint8Array(32), windows },
  ...{ settings: ['half'], words: 'half of it' },
}
const OWN = fingerprint(INPUTS)

test('a record is found by the same work, and tells other work the difference', async (context) => {
  const dir = await temporaryDirectory(context)
  const record = new RecordFile<{ step: number }>('steps.json', 1)
  assert.deepEqual([record.liesIn(dir), record.find(dir, OWN)], [false, { is: 'absent' }])
  await record.replace(dir, OWN, { step: 3 })
  await record.replace(dir, OWN, { step: 4 })
  assert.ok(record.liesIn(dir))
  assert.deepEqual(readdirSync(dir), ['steps.json'])
  const found = record.find(dir, OWN)
  assert.equal(found.is === 'same' && found.value.step, 4)
  const other = fingerprint({ ...INPUTS, settings: ['all'], words: 'all of it' })
  assert.deepEqual(record.find(dir, other), {
    is: 'other',
    told: 'choice of settings (half of it, now all of it)',
  })
})

test('a text in other windows is another choice of settings, whether or not the settings name them', async (context) => {
  const dir = await temporaryDirectory(context)
  const record = new RecordFile<{ step: number }>('steps.json', 1)
  await record.replace(dir, OWN, { step: 3 })
  const told = 'choice of settings (half of it, now half of it)'
  for (const other of [{ ...windows, count: 1, length: 4 }, undefined])
    assert.deepEqual(record.find(dir, fingerprint({ ...INPUTS, windows: other })), { is: 'other', told })
})

test('a record of another format, or with a bit flipped, counts as damaged', async (context) => {
  const dir = await temporaryDirectory(context)
  const record = new RecordFile<{ step: number }>('steps.json', 1)
  await record.replace(dir, OWN, { step: 3 })
  assert.deepEqual(new RecordFile('steps.json', 2).find(dir, OWN), { is: 'damaged' })
  const path = join(dir, 'steps.json')
  writeFileSync(path, readFileSync(path, 'utf8').replace('"step":3', '"step":2'))
  assert.deepEqual(record.find(dir, OWN), { is: 'damaged' })
})

test('unfinished work that is another or damaged is refused by its name', async (context) => {
  const dir = await temporaryDirectory(context)
  const record = new UnfinishedRecord<{ step: number }>({
    ...{ name: 'steps.json', format: 1, work: 'walk', other: { code: 'OUTPUT_OTHER_WALK' } },
    anew: ' from the first step',
  })
  assert.equal(record.read(dir, OWN), null)
  await record.replace(dir, OWN, { step: 3 })
  assert.equal(record.read(dir, OWN)?.step, 3)
  const other = fingerprint({ ...INPUTS, modelHash: new Uint8Array(32).fill(1) })
  assert.throws(() => record.read(dir, other), {
    code: 'OUTPUT_OTHER_WALK',
    message: `${dir} holds an unfinished walk of another model (small 00000000, now small 01010101)`,
  })
  writeFileSync(join(dir, 'steps.json'), '{}')
  assert.throws(() => record.read(dir, OWN), {
    code: 'OUTPUT_CHECKPOINT_DAMAGED',
    message: `${join(dir, 'steps.json')}, of an unfinished walk, is not as it was written`,
    hint: `Remove ${dir} and start again from the first step.`,
  })
})
