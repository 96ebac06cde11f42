import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import fc from 'fast-check'
import { DataDirectory } from '../../peers/disk/data-directory.ts'
import { identityFromSeed, identityOf, KEY_FILE } from '../../peers/disk/identity.ts'
import { LOCK_FILE, lockDirectory } from '../../peers/disk/lock.ts'
import { OutDirectory } from '../../peers/disk/out-directory.ts'
import { BlobStore } from '../../peers/disk/store.ts'
import { frameRecord, MAX_RECORD_BYTES, openWriteAheadLog, parseRecords } from '../../peers/disk/write-ahead-log.ts'
import { encode, toHex } from '../../protocols/wire/encoding.ts'
import { blobId, CHUNK_BYTES } from '../../protocols/wire/hash.ts'
import { temporaryDirectory } from '../support/nodes.ts'
import { aPlan, flipped } from '../support/people.ts'

const HINT = 'Wait.'
/** A process id that no process has: beyond what any kernel gives. */
const DEAD_PID = 2 ** 30

test('a key is made once, readable by its owner only, and found again', async (context) => {
  const directory = await temporaryDirectory(context)
  const key = await identityOf(directory)
  assert.equal((await stat(join(directory, KEY_FILE))).mode & 0o777, 0o600)
  assert.deepEqual((await identityOf(directory)).raw, key.raw)
})

test('a key that other accounts may read is refused, with the command that closes it', {
  skip: process.platform === 'win32' && 'Windows has no such permissions',
}, async (context) => {
  const directory = await temporaryDirectory(context)
  const path = join(directory, KEY_FILE)
  const key = await identityOf(directory)
  for (const mode of [0o644, 0o640, 0o604, 0o620]) {
    await chmod(path, mode)
    const refusal = { code: 'OUTPUT_KEY_OPEN', exit: 8, message: new RegExp(mode.toString(8)), hint: /chmod 600/ }
    await assert.rejects(identityOf(directory), refusal, mode.toString(8))
  }
  await chmod(path, 0o400)
  assert.deepEqual((await identityOf(directory)).raw, key.raw)
})

test('a key that is gone is made anew only where nothing was signed with it', async (context) => {
  const path = await temporaryDirectory(context)
  const open = async (act: (data: DataDirectory) => Promise<unknown>) => {
    await using data = await DataDirectory.open(path)
    await act(data)
    return toHex(data.signer.peerId)
  }
  const { plan } = aPlan()
  const first = await open(async () => {})
  await rm(join(path, KEY_FILE))
  assert.notEqual(await open((data) => data.federation(plan)), first)
  await rm(join(path, KEY_FILE))
  const gone = (name: string) => ({ code: 'OUTPUT_KEY_GONE', exit: 8, message: new RegExp(name) })
  await assert.rejects(
    open(async () => {}),
    gone('federations'),
  )
  await writeFile(join(path, 'plans.wal'), frameRecord(new Uint8Array(64)))
  await rm(join(path, 'federations'), { recursive: true })
  await assert.rejects(
    open(async () => {}),
    gone('plans.wal'),
  )
})

test('a list of signed plans with a record that is unknown is refused', async (context) => {
  const directory = await temporaryDirectory(context)
  await DataDirectory.open(directory).then((data) => data[Symbol.asyncDispose]())
  const unknown = frameRecord(encode({ type: 'abdication', round: 1 }))
  await writeFile(join(directory, 'plans.wal'), unknown)
  const damaged = { code: 'OUTPUT_LOG_DAMAGED', exit: 8, message: /record 0 is none that this version knows/ }
  await assert.rejects(DataDirectory.open(directory), damaged)
})

test('a damaged key is refused, never replaced', async (context) => {
  const directory = await temporaryDirectory(context)
  for (const bytes of [new Uint8Array(), new Uint8Array(68), new Uint8Array(5000)]) {
    await writeFile(join(directory, KEY_FILE), bytes, { mode: 0o600 })
    await assert.rejects(identityOf(directory), { code: 'OUTPUT_KEY_DAMAGED', exit: 8 }, `${bytes.length} bytes`)
  }
})

test('a key with any bit flipped is refused: its signatures would not verify', async (context) => {
  const directory = await temporaryDirectory(context)
  await identityOf(directory)
  const path = join(directory, KEY_FILE)
  const bytes = new Uint8Array(await readFile(path))
  for (let at = 4; at < bytes.length; at++) {
    await writeFile(path, flipped(bytes, 8 * at + (at % 8)))
    await assert.rejects(identityOf(directory), { code: 'OUTPUT_KEY_DAMAGED', exit: 8 }, `byte ${at}`)
  }
})

test('a seed gives each index its own key, and always the same', async () => {
  const keys = await Promise.all([
    identityFromSeed('0', 0),
    identityFromSeed('0', 0),
    identityFromSeed('0', 1),
    identityFromSeed('1', 0),
  ])
  const [a, again, b, c] = keys.map(({ raw }) => toHex(raw))
  assert.equal(a, again)
  assert.equal(new Set([a, b, c]).size, 3)
})

test('a directory is locked once, and again after its release', async (context) => {
  const directory = await temporaryDirectory(context)
  const lock = await lockDirectory(directory, HINT)
  await assert.rejects(lockDirectory(directory, HINT), { code: 'OUTPUT_LOCKED', exit: 8 })
  await lock.release()
  await (await lockDirectory(directory, HINT)).release()
  assert.deepEqual(await readdir(directory), [])
})

test('a directory is locked by one of two that want it at the same time', async (context) => {
  const directory = await temporaryDirectory(context)
  const [first, second] = await Promise.allSettled([lockDirectory(directory, HINT), lockDirectory(directory, HINT)])
  assert.equal(first.status, 'fulfilled')
  assert.equal(second.status === 'rejected' && second.reason.code, 'OUTPUT_LOCKED')
  await (first as PromiseFulfilledResult<Awaited<ReturnType<typeof lockDirectory>>>).value.release()
})

test('a lock of a process that has ended, or of none, is taken over; one of a living process is not', async (context) => {
  const directory = await temporaryDirectory(context)
  for (const text of [`${DEAD_PID}\n`, '', 'no number']) {
    await writeFile(join(directory, LOCK_FILE), text)
    await (await lockDirectory(directory, HINT)).release()
  }
  await writeFile(join(directory, LOCK_FILE), `${process.ppid}\n`)
  await assert.rejects(lockDirectory(directory, HINT), { code: 'OUTPUT_LOCKED' })
})

test('a lock of a process whose id is another one’s now is taken over', {
  skip: process.platform !== 'linux' && 'only Linux tells when a process began',
}, async (context) => {
  const directory = await temporaryDirectory(context)
  const lock = await lockDirectory(directory, HINT)
  const [, began] = (await readFile(join(directory, LOCK_FILE), 'utf8')).trim().split(' ')
  assert.match(began, /^\d+@[0-9a-f-]+$/)
  await lock.release()
  await writeFile(join(directory, LOCK_FILE), `${process.ppid} ${began}\n`)
  await (await lockDirectory(directory, HINT)).release()
})

test('a lock of a process that has ended unheard of is taken over', {
  skip: process.platform !== 'linux' && 'only Linux tells such processes from others',
}, async (context) => {
  const directory = await temporaryDirectory(context)
  // The program that the shell becomes asks after none of its children.
  const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] })
  context.after(() => parent.kill())
  const [line] = (await once(parent.stdout, 'data')) as [Buffer]
  while (!(await readFile(`/proc/${String(line).trim()}/stat`, 'utf8')).includes(') Z ')) await setTimeout(5)
  await writeFile(join(directory, LOCK_FILE), line)
  process.kill(Number(line), 0) // it is there
  await (await lockDirectory(directory, HINT)).release()
})

test('a log gives back what was appended, in order', async (context) => {
  const path = join(await temporaryDirectory(context), 'log')
  const records = Array.from({ length: 20 }, (_, i) => new Uint8Array(1 + i * 7).fill(i))
  const { log } = await openWriteAheadLog(path, toHex)
  await Promise.all(records.map((record) => log.append(record)))
  await log.close()
  await assert.rejects(log.append(records[0]), /closed/)
  const again = await openWriteAheadLog(path, toHex)
  assert.deepEqual(again.facts, records.map(toHex))
  await again.log.append(Uint8Array.of(9))
  await again.log.close()
  const third = await openWriteAheadLog(path, toHex)
  assert.equal(third.facts.length, 21)
  await third.log.close()
})

test('a log that was cut short anywhere loses its last record and nothing else', () => {
  const records = [Uint8Array.of(1, 2, 3), new Uint8Array(100).fill(4), Uint8Array.of(5)]
  const frames = records.map(frameRecord)
  const whole = new Uint8Array(Buffer.concat(frames))
  const tail = whole.length - frames[2].length
  for (let length = tail; length < whole.length; length++) {
    const parsed = parseRecords('log', whole.subarray(0, length))
    assert.deepEqual(parsed, { records: records.slice(0, 2), end: tail }, `${length} bytes`)
  }
})

test('opening a log that was cut short truncates it', async (context) => {
  const path = join(await temporaryDirectory(context), 'log')
  const frame = frameRecord(Uint8Array.of(1, 2, 3))
  await writeFile(path, Buffer.concat([frame, frame.subarray(0, 5)]))
  const { log } = await openWriteAheadLog(path, toHex)
  await log.append(Uint8Array.of(4))
  await log.close()
  assert.deepEqual(
    parseRecords(path, await readFile(path)).records.map((record) => [...record]),
    [[1, 2, 3], [4]],
  )
})

test('a log damaged before its last record is refused, wherever the damage is', () => {
  const frames = [
    frameRecord(new Uint8Array(40).fill(7)),
    frameRecord(Uint8Array.of(1, 2, 3, 4)),
    frameRecord(Uint8Array.of(5)),
  ]
  const whole = new Uint8Array(Buffer.concat(frames))
  fc.assert(
    fc.property(fc.nat(frames[0].length + frames[1].length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const bytes = whole.slice()
      bytes[at] ^= flip
      assert.throws(() => parseRecords('log', bytes), { code: 'OUTPUT_LOG_DAMAGED', exit: 8 })
    }),
  )
})

test('a record beyond the limit is refused', () => {
  assert.throws(() => frameRecord(new Uint8Array(MAX_RECORD_BYTES + 1)), RangeError)
})

test('a store reads ranges of what it was given, also after it was opened again', async (context) => {
  const directory = await temporaryDirectory(context)
  const store = await BlobStore.open(directory)
  const bytes = new Uint8Array(randomBytes(2 * CHUNK_BYTES + 5))
  const id = await store.put(bytes)
  assert.equal(id, toHex(blobId(bytes)))
  assert.equal(await store.put(bytes), id)
  assert.deepEqual(await readdir(directory), [id])
  await writeFile(join(directory, 'half.tmp'), 'x')
  const again = await BlobStore.open(directory)
  assert.deepEqual(await readdir(directory), [id])
  assert.deepEqual(await again.read(id, 2), bytes.slice(2 * CHUNK_BYTES))
  assert.deepEqual(await again.chunks(id), await store.chunks(id))
  assert.equal(await again.chunks('0'.repeat(64)), null)
})

test('a store takes over a file as another name of it, and keeps it when the first name is removed', async (context) => {
  const directory = await temporaryDirectory(context)
  const store = await BlobStore.open(join(directory, 'blobs'))
  for (const size of [0, 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 5]) {
    const bytes = new Uint8Array(randomBytes(size))
    const file = join(directory, 'made')
    await writeFile(file, bytes)
    const id = await store.adopt(file)
    assert.equal(id, toHex(blobId(bytes)), `${size} bytes`)
    assert.equal((await stat(store.path(id))).ino, (await stat(file)).ino, 'no byte is copied')
    assert.equal((await stat(store.path(id))).mode & 0o777, 0o600)
    assert.equal(await store.adopt(file), id, 'the second time it is held already')
    await rm(file)
    const again = await BlobStore.open(join(directory, 'blobs'))
    assert.deepEqual(await again.read(id), bytes)
    assert.deepEqual(await store.chunks(id), await again.chunks(id))
  }
  assert.equal((await readdir(join(directory, 'blobs'))).length, 4, 'no temporary name is left')
})

test('a store loses a blob that changed on the disk while it was away, and takes it again', async (context) => {
  const directory = await temporaryDirectory(context)
  const bytes = new Uint8Array(100)
  const id = await (await BlobStore.open(directory)).put(bytes)
  const ways = [
    (store: BlobStore) => store.holds(id),
    (store: BlobStore) => store.chunks(id),
    (store: BlobStore) => store.put(bytes),
  ]
  for (const way of ways) {
    await writeFile(join(directory, id), new Uint8Array(100).fill(1))
    const store = await BlobStore.open(directory)
    await way(store)
    assert.equal(await store.put(bytes), id)
    assert.deepEqual(new Uint8Array(await readFile(join(directory, id))), bytes, String(way))
  }
})

test('a store keeps what is named and removes the rest', async (context) => {
  const directory = await temporaryDirectory(context)
  const store = await BlobStore.open(directory)
  const [a, b] = [await store.put(Uint8Array.of(1)), await store.put(Uint8Array.of(2))]
  await store.retain(new Set([b]))
  assert.ok(!store.has(a) && store.has(b))
  assert.deepEqual(await readdir(directory), [b])
})

const LINUX = process.platform === 'linux'

test('where nothing can be made is a refusal', { skip: !LINUX && 'needs /proc' }, async () => {
  await assert.rejects(OutDirectory.open({ out: '/proc/coppice/out' }), { code: 'OUTPUT_UNWRITABLE', exit: 8 })
  const refusal = { code: 'OUTPUT_UNWRITABLE', exit: 8, hint: /^Give --data / }
  await assert.rejects(DataDirectory.open('/proc/coppice/data'), refusal)
})
