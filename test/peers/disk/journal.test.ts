import assert from 'node:assert/strict'
import { mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Journal } from '../../../peers/disk/journal.ts'
import { PLANS_FILE, SignedPlans } from '../../../peers/disk/signed-plans.ts'
import { frameRecord, parseRecords } from '../../../peers/disk/write-ahead-log.ts'
import type { Vote } from '../../../protocols/round/messages/messages.ts'
import { temporaryDirectory } from '../../support/nodes.ts'
import { aPlan, flipped } from '../../support/people.ts'

const [{ plan: PLAN, signers }, { plan: OTHER }] = [aPlan(), aPlan({ rounds: 9 })]
const vote = (round: number, attempt = 0): Vote => ({ type: 'prevote', round, attempt, value: null })
const BODIES = [vote(4), vote(5), vote(5, 1)]

/** A journal of three votes, the last in round 5, and its owner's certificates of rounds 1 to 4. */
async function written(context: TestContext) {
  const root = await temporaryDirectory(context)
  const directory = join(root, 'federation')
  await mkdir(directory)
  const reopened = async ({ id: plan } = PLAN, rounds = 4, bodies: Vote[] = []) => {
    const signed = await SignedPlans.open(root)
    const journal = await Journal.open({ directory, plan, rounds, signed })
    for (const body of bodies) await journal.writeBody(body)
    await journal.close()
    await signed.close()
    return journal
  }
  const signed = await SignedPlans.open(root)
  for (const plan of [PLAN, OTHER]) await signed.sign(signers[0], plan)
  await signed.close()
  await reopened(PLAN, 0, BODIES)
  const path = join(directory, 'journal.wal')
  return { directory, path, plans: join(root, PLANS_FILE), bytes: new Uint8Array(await readFile(path)), reopened }
}

test('a journal gives back what was signed, and lets its owner sign on', async (context) => {
  const { reopened } = await written(context)
  const { abstainsUntil, bodies, refused } = await reopened()
  assert.deepEqual({ abstainsUntil, bodies, refused }, { abstainsUntil: 0, bodies: BODIES, refused: null })
})

test('a record that a crash has left uncounted is whole, and counts from then on', async (context) => {
  const { path, plans, reopened } = await written(context)
  await cut(plans, new Uint8Array(await readFile(plans)))
  assert.deepEqual((await reopened()).bodies, BODIES)
  const { records } = parseRecords(path, new Uint8Array(await readFile(path)))
  await writeFile(path, Buffer.concat(records.slice(0, 2).map(frameRecord)))
  assert.match((await reopened()).refused ?? '', /2 records, and 3 are counted/)
})

const LAST = frameRecord(new Uint8Array(32 + 1)).length
type Scene = Awaited<ReturnType<typeof written>>
const DAMAGES: Array<[what: string, damage: (scene: Scene) => Promise<void>, refused: RegExp]> = [
  ['deleted', ({ path }) => rm(path), /0 records, and 3 are counted/],
  ['deleted with its directory', ({ directory }) => emptied(directory), /0 records, and 3 are counted/],
  ['left without its count', ({ plans }) => rm(plans), /count of its records is gone/],
  ['emptied', ({ path }) => truncate(path, 0), /0 records, and 3 are counted/],
  ['cut at a record', ({ bytes, path }) => cut(path, bytes), /2 records, and 3 are counted/],
  ['damaged in its last record', ({ bytes, path }) => flip(path, bytes, bytes.length - 1), /2 records, and 3/],
  ['damaged in its first record', ({ bytes, path }) => flip(path, bytes, LAST / 2), /record 0 at byte 0 is damaged/],
]

for (const [what, damage, refused] of DAMAGES) {
  test(`a journal that is ${what} is set aside, and its owner abstains as long as it may have signed`, async (context) => {
    const scene = await written(context)
    await damage(scene)
    const journal = await scene.reopened()
    assert.match(journal.refused ?? '', refused)
    assert.deepEqual([journal.bodies, journal.abstainsUntil], [[], 5])
    assert.deepEqual(
      [4, 5, 6].map((round) => journal.abstains(vote(round))),
      [true, true, false],
    )
    assert.equal(journal.abstains({ type: 'evidence', first: new Uint8Array(), second: new Uint8Array() }), false)
    // It keeps to that after another restart, in which the new journal is whole.
    const again = await scene.reopened(PLAN, 5)
    assert.deepEqual([again.refused, again.abstainsUntil], [null, 5])
  })
}

test('the votes of one federation bind nobody in another', async (context) => {
  const { reopened } = await written(context)
  const journal = await reopened(OTHER, 2)
  assert.match(journal.refused ?? '', /another federation/)
  assert.deepEqual(journal.bodies, [])
})

test('whoever has sent nothing under a plan has lost nothing', async (context) => {
  const { directory, reopened } = await written(context)
  await emptied(directory)
  const { abstainsUntil, refused } = await reopened(OTHER, 0)
  assert.deepEqual([abstainsUntil, refused], [0, null])
})

test('whoever has lost its certificates too abstains up to the last round that is counted', async (context) => {
  const { path, reopened } = await written(context)
  await rm(path)
  assert.equal((await reopened(PLAN, 0)).abstainsUntil, 5)
})

async function emptied(directory: string): Promise<void> {
  for (const name of await readdir(directory)) await rm(join(directory, name), { recursive: true })
}

async function cut(path: string, bytes: Uint8Array): Promise<void> {
  const { records } = parseRecords(path, bytes)
  await writeFile(path, Buffer.concat(records.slice(0, -1).map(frameRecord)))
}

async function flip(path: string, bytes: Uint8Array, at: number): Promise<void> {
  await writeFile(path, flipped(bytes, 8 * Math.floor(at)))
}
