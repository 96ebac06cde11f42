import assert from 'node:assert/strict'
import { cp, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { frameRecord, parseRecords } from '../../../peers/disk/write-ahead-log.ts'
import { systemClock } from '../../../peers/round/clock.ts'
import { STEP_TIMEOUT_MS } from '../../../protocols/round/messages/constants.ts'
import {
  type Body,
  decodeBody,
  decodeEnvelope,
  isBinding,
  type Vote,
} from '../../../protocols/round/messages/messages.ts'
import type { Clock } from '../../../protocols/stream/time.ts'
import { HASH_BYTES } from '../../../protocols/wire/encoding.ts'
import { MatrixWork } from '../../support/matrices.ts'
import { temporaryDirectory } from '../../support/nodes.ts'
import { aPlan, flipped } from '../../support/people.ts'
import { aDriver, SELF } from './a-driver.ts'

const BLOCKS = 2
const PEOPLE = aPlan({ model: { name: 'two', hash: new Uint8Array(32), parameters: 1, blocks: BLOCKS } })
const JOURNAL = 'journal.wal'
/** The second attempt: a peer begins it when others have, and waits twice as long in it. */
const ATTEMPT = 1
/** Nobody proposes in the second attempt. */
const IMPATIENT: Clock = {
  ...systemClock,
  pause: (ms, signal) => (ms === STEP_TIMEOUT_MS * (ATTEMPT + 1) ? Promise.resolve() : systemClock.pause(ms, signal)),
}

/**
 * Runs a driver until it has pruned and would have committed, prevoted and precommitted in round 1, while others see no
 * proposal. Returns the binding messages that have left it.
 * @param text - another one gives other contributions, and so another commit
 */
async function run(context: TestContext, directory: string, text: number): Promise<Body[]> {
  const sent: Body[] = []
  const [pruned, precommitted] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const driver = await aDriver(context, {
    ...PEOPLE,
    directory,
    work: new MatrixWork(BLOCKS, text),
    fetch: () => new Promise(() => undefined),
    clock: IMPATIENT,
    onEvent(event) {
      if (event.type === 'contributions' && event.valid > 0) pruned.resolve()
      if (event.type === 'step' && event.step === 'precommit') precommitted.resolve()
    },
    onSent(bytes) {
      const { body } = decodeEnvelope(bytes)
      if (isBinding(body)) sent.push(body)
    },
  })
  const vote: Vote = { type: 'prevote', round: 1, attempt: ATTEMPT, value: null }
  for (const member of [1, 2, 3]) driver.hear(member, vote)
  await Promise.all([pruned.promise, precommitted.promise])
  await driver.stop()
  return sent
}

/** A peer that has signed in round 1 and stopped. */
async function signed(context: TestContext) {
  const directory = await temporaryDirectory(context)
  await run(context, directory, 1)
  return { directory, path: join(directory, JOURNAL) }
}

async function recordsOf(path: string): Promise<Uint8Array[]> {
  return parseRecords(path, new Uint8Array(await readFile(path))).records
}

async function bodiesOf(path: string): Promise<Body[]> {
  return (await recordsOf(path)).map((record) => decodeBody(record.subarray(HASH_BYTES)))
}

test('a driver with its journal says again what it has signed, whatever it would sign now', async (context) => {
  const { directory, path } = await signed(context)
  const before = await bodiesOf(path)
  assert.deepEqual(new Set(before.map(({ type }) => type)), new Set(['commit', 'prevote', 'precommit']))
  const again = await run(context, directory, 2)
  assert.deepEqual(await bodiesOf(path), before)
  assert.ok(again.some(({ type }) => type === 'commit'))
  for (const body of again) assert.ok(before.some((earlier) => JSON.stringify(earlier) === JSON.stringify(body)))
})

const DAMAGES: Record<string, (path: string) => Promise<void>> = {
  'is deleted': (path) => rm(path),
  'is emptied': (path) => truncate(path, 0),
  async 'is cut at a record'(path) {
    await writeFile(path, Buffer.concat((await recordsOf(path)).slice(0, -1).map(frameRecord)))
  },
  async 'has a bit of its last record flipped'(path) {
    const bytes = new Uint8Array(await readFile(path))
    await writeFile(path, flipped(bytes, 8 * (bytes.length - 1)))
  },
  async 'is of another plan'(path) {
    const records = await recordsOf(path)
    for (const record of records) record.fill(1, 0, HASH_BYTES)
    await writeFile(path, Buffer.concat(records.map(frameRecord)))
  },
}

for (const [what, damage] of Object.entries(DAMAGES)) {
  test(`a driver whose journal ${what} signs nothing in the round in which it had signed, run after run`, async (context) => {
    const { directory, path } = await signed(context)
    await damage(path)
    for (const text of [2, 3]) {
      assert.deepEqual(await run(context, directory, text), [])
      assert.deepEqual(await bodiesOf(path), [])
    }
  })
}

test('a journal that is put back after its owner has abstained does not bind, and sets nothing free', async (context) => {
  const { directory, path } = await signed(context)
  await cp(path, `${path}.copy`)
  await rm(path)
  assert.deepEqual(await run(context, directory, 2), [])
  await cp(`${path}.copy`, path)
  assert.deepEqual(await run(context, directory, 3), [])
})

test('a driver that hears its own key sign what is not in its journal signs nothing more, and ends', async (context) => {
  const { directory, path } = await signed(context)
  const before = await bodiesOf(path)
  const init = { ...PEOPLE, directory, work: new MatrixWork(BLOCKS, 1), onEvent: () => undefined }
  const driver = await aDriver(context, { ...init, fetch: () => new Promise(() => undefined) })
  for (const body of before) driver.hear(SELF, body)
  driver.hear(SELF, { type: 'precommit', round: 1, attempt: ATTEMPT + 1, value: null })
  await assert.rejects(driver.running, { code: 'OUTPUT_KEY_ELSEWHERE' })
  assert.deepEqual(await bodiesOf(path), before)
})
