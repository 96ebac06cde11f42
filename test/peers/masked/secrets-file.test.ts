import assert from 'node:assert/strict'
import { chmod, mkdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { SECRETS_FILE, Secrets } from '../../../peers/masked/secrets-file.ts'
import {
  decodeSecrets,
  encodeSecrets,
  type KeptSecrets,
  MAX_SECRETS_BYTES,
} from '../../../peers/masked/secrets-form.ts'
import { examineSheet } from '../../../peers/masked/sheets.ts'
import { publicKeyOf } from '../../../peers/masked/x25519.ts'
import { MAX_OPENINGS, SHARE_BYTES } from '../../../protocols/masked/constants.ts'
import { decodeKeySheet, maxSheetBytes } from '../../../protocols/masked/key-sheet.ts'
import { maxRevealBytes } from '../../../protocols/masked/reveal.ts'
import { MAX_MEMBERS } from '../../../protocols/plan/offer.ts'
import { temporaryDirectory } from '../../support/nodes.ts'
import { flipped } from '../../support/people.ts'
import { drawn, PLAN } from './members.ts'

const NO_MODES = process.platform === 'win32' && 'Windows has no such permissions'
const INIT = { planId: PLAN, members: 4, self: 2, openings: 3, mayBegin: true }
const SIZE = { members: 4, openings: 3 }
const [TEXT, OTHER_TEXT] = ['ab', 'cd'].map((byte) => byte.repeat(32))

/** The private keys of all members but the one that has the file. */
const OTHERS = Array.from({ length: 4 }, () => drawn())
const keysWith = (secrets: Secrets) => OTHERS.map(publicKeyOf).with(INIT.self, secrets.publicKey)

/** Shares of all openings, as if others had dealt them. */
const sharesForAll = () =>
  Array.from({ length: INIT.openings }, () =>
    Array.from({ length: INIT.members }, (_, dealer) =>
      dealer === INIT.self ? null : { own: drawn(SHARE_BYTES), secret: drawn(SHARE_BYTES) },
    ),
  )

/** The shares in a file, by opening - 1. */
async function sharesIn(path: string) {
  return decodeSecrets(new Uint8Array(await readFile(path)))?.openings.map(({ shares }) => shares)
}

async function place(context: TestContext) {
  const directory = await temporaryDirectory(context)
  const path = join(directory, SECRETS_FILE)
  const open = (changes: Partial<typeof INIT> = {}) => Secrets.open(directory, { ...INIT, ...changes })
  return { directory, path, open, reopen: () => open({ mayBegin: false }) }
}

describe('the secrets file', () => {
  it('is made once, closed to others, and read again', { skip: NO_MODES }, async (context) => {
    const { path, open, reopen } = await place(context)
    const first = await open()
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    for (const again of [await open(), await reopen()]) {
      assert.deepEqual([again.publicKey, again.privateKey], [first.publicKey, first.privateKey])
      assert.deepEqual(
        [1, 2, 3].map((opening) => again.own(opening)),
        [1, 2, 3].map((opening) => first.own(opening)),
      )
    }
    await first.markUsed(1, TEXT)
    assert.equal((await stat(path)).mode & 0o777, 0o600, 'after a change')
    assert.throws(() => first.own(4), RangeError)
    assert.throws(() => first.own(0), RangeError)
  })

  it('has other secrets in each federation', async (context) => {
    const [one, two] = [await (await place(context)).open(), await (await place(context)).open()]
    const values = [one, two].flatMap((secrets) =>
      [1, 2, 3].flatMap((opening) => Object.values(secrets.own(opening) ?? {})).concat(secrets.privateKey ?? []),
    )
    assert.equal(new Set(values.map((value) => Buffer.from(value).toString('hex'))).size, 14)
  })

  it('that is gone is not made anew where something was sent', async (context) => {
    const { path, open, reopen } = await place(context)
    await assert.rejects(reopen(), { code: 'OUTPUT_SECRETS_GONE', exit: 8 })
    await assert.rejects(stat(path), { code: 'ENOENT' })
    await open()
    await rm(path)
    await assert.rejects(reopen(), { code: 'OUTPUT_SECRETS_GONE' })
  })

  it('that is damaged is refused by name and left as it is', async (context) => {
    const { path, open, reopen } = await place(context)
    const secrets = await open()
    await secrets.sheet(keysWith(secrets))
    const whole = await readFile(path)
    const damages: [name: string, bytes: Uint8Array][] = [
      ...Array.from({ length: 60 }, (_, i): [string, Uint8Array] => {
        const bit = Math.floor((i * 8 * whole.byteLength) / 60)
        return [`bit ${bit}`, flipped(whole, bit)]
      }),
      ['empty', new Uint8Array()],
      ['cut', whole.subarray(0, -1)],
      ['cut in its hash', whole.subarray(0, 20)],
      ['longer', Buffer.concat([whole, new Uint8Array(1)])],
      ['something else', Buffer.from('{}')],
    ]
    for (const [name, bytes] of damages) {
      await writeFile(path, bytes)
      for (const opened of [open, reopen])
        await assert.rejects(
          opened(),
          { code: 'OUTPUT_SECRETS_DAMAGED', exit: 8, message: new RegExp(SECRETS_FILE) },
          name,
        )
      assert.ok((await readFile(path)).equals(bytes), name)
    }
    await truncate(path, MAX_SECRETS_BYTES + 1)
    await assert.rejects(open(), { code: 'OUTPUT_SECRETS_DAMAGED' }, 'too long to be read')
    await writeFile(path, whole)
    assert.deepEqual((await open()).publicKey, secrets.publicKey)
  })

  it('that others may read is refused', { skip: NO_MODES }, async (context) => {
    const { path, open } = await place(context)
    await open()
    for (const mode of [0o640, 0o604, 0o644]) {
      await chmod(path, mode)
      await assert.rejects(open(), { code: 'OUTPUT_SECRETS_OPEN', exit: 8, message: new RegExp(mode.toString(8)) })
    }
  })

  it('of another federation is refused', async (context) => {
    const { open } = await place(context)
    await open()
    for (const changes of [{ planId: new Uint8Array(32) }, { self: 1 }, { members: 5 }, { openings: 2 }])
      await assert.rejects(open(changes), { code: 'OUTPUT_SECRETS_OTHER', exit: 8 }, JSON.stringify(changes))
  })

  it('of the largest plan comes back from its bytes, of which there are hardly fewer than there may be', () => {
    const [key, share, size] = [drawn(), drawn(SHARE_BYTES), { members: MAX_MEMBERS, openings: MAX_OPENINGS }]
    const kept: KeptSecrets = {
      plan: PLAN,
      self: MAX_MEMBERS - 1,
      members: MAX_MEMBERS,
      publicKey: key,
      privateKey: key,
      openings: Array.from({ length: MAX_OPENINGS }, () => ({
        ...{ secrets: { own: key, secret: key }, used: PLAN },
        reveal: new Uint8Array(maxRevealBytes(MAX_MEMBERS)),
        shares: Array.from({ length: MAX_MEMBERS }, () => ({ own: share, secret: share })),
      })),
      sheet: {
        keys: Array.from({ length: MAX_MEMBERS }, () => key),
        bytes: new Uint8Array(maxSheetBytes(size)).fill(1),
      },
    }
    const bytes = encodeSecrets(kept)
    assert.ok(
      bytes.byteLength <= MAX_SECRETS_BYTES && bytes.byteLength > MAX_SECRETS_BYTES - 256,
      `${bytes.byteLength}`,
    )
    assert.deepEqual(decodeSecrets(bytes), kept)
  })
})

describe('the sheet in the secrets file', () => {
  it('is drawn once: a second call and a restart give the same bytes', async (context) => {
    const { open, reopen } = await place(context)
    const secrets = await open()
    const keys = keysWith(secrets)
    const [first, second] = await Promise.all([secrets.sheet(keys), secrets.sheet(keys)])
    assert.deepEqual(second, first)
    assert.deepEqual(await secrets.sheet(keys), first)
    assert.deepEqual(await (await reopen()).sheet(keys), first)
    const { openings, member } = decodeKeySheet(first, SIZE)
    assert.equal(member, INIT.self)
    for (const [i, { key }] of openings.entries())
      assert.deepEqual(key, publicKeyOf(secrets.own(i + 1)?.secret ?? drawn()))
    for (const self of [0, 1, 3]) {
      const reader = { plan: PLAN, openings: 3, self, keys, privateKey: OTHERS[self] }
      assert.equal(examineSheet(reader, first, INIT.self).fault, null)
    }
  })

  it('is refused for other keys than those for which it was made', async (context) => {
    const { open } = await place(context)
    const secrets = await open()
    const keys = keysWith(secrets)
    const refused = { code: 'OUTPUT_SECRETS_OTHER', exit: 8 }
    await assert.rejects(secrets.sheet(OTHERS.map(publicKeyOf)), refused, 'another key of its own')
    await assert.rejects(secrets.sheet(keys.slice(1)), RangeError)
    await assert.rejects(secrets.sheet(keys.with(0, new Uint8Array(32))), RangeError, 'of low order')
    const bytes = await secrets.sheet(keys)
    await assert.rejects(secrets.sheet(keys.with(3, publicKeyOf(drawn()))), { ...refused, message: /of member 3$/ })
    assert.deepEqual(await secrets.sheet(keys), bytes)
  })

  it('is not drawn from secrets that are forgotten', async (context) => {
    const { open } = await place(context)
    const secrets = await open()
    await secrets.forget(2)
    await assert.rejects(secrets.sheet(keysWith(secrets)), /no secrets to deal/)
  })
})

describe('an opening in the secrets file', () => {
  it('is used for one fingerprint, whoever asks and when', async (context) => {
    const { open, reopen } = await place(context)
    const secrets = await open()
    assert.deepEqual(await Promise.all([secrets.markUsed(1, TEXT), secrets.markUsed(1, OTHER_TEXT)]), [
      'first',
      'other',
    ])
    assert.deepEqual(await secrets.markUsed(1, TEXT), 'same')
    const again = await reopen()
    assert.deepEqual(
      [await again.markUsed(1, TEXT), await again.markUsed(1, OTHER_TEXT), await again.markUsed(2, OTHER_TEXT)],
      ['same', 'other', 'first'],
    )
    for (const wrong of ['', 'AB'.repeat(32), 'ab'.repeat(31), `${TEXT}00`])
      await assert.rejects(again.markUsed(3, wrong), RangeError, wrong)
    await assert.rejects(again.markUsed(4, TEXT), RangeError)
  })

  it('is not used where that cannot be written', async (context) => {
    const { path, open } = await place(context)
    const secrets = await open()
    await rm(path)
    await mkdir(path)
    await assert.rejects(secrets.markUsed(1, TEXT), { code: 'OUTPUT_UNWRITABLE' })
    await rm(path, { recursive: true })
    assert.equal(await secrets.markUsed(1, OTHER_TEXT), 'first')
  })

  it('is forgotten on the disk too, alone', async (context) => {
    const { path, open, reopen } = await place(context)
    const secrets = await open()
    const bytes = await secrets.sheet(keysWith(secrets))
    const shares = sharesForAll()
    await secrets.keepShares(shares)
    const [gone, left] = [1, 2].map((opening) => {
      const received = shares[opening - 1].flatMap((pair) => Object.values(pair ?? {}))
      return [...Object.values(secrets.own(opening) ?? {}), ...received]
    })
    assert.deepEqual([gone.length, left.length], [8, 8])
    await secrets.markUsed(1, TEXT)
    await secrets.forget(1)
    const onDisk = await readFile(path)
    for (const value of gone) assert.equal(onDisk.indexOf(value), -1)
    for (const value of left) assert.notEqual(onDisk.indexOf(value), -1)
    const again = await reopen()
    assert.deepEqual([again.own(1), again.own(2)], [null, secrets.own(2)])
    assert.deepEqual(await sharesIn(path), [null, ...shares.slice(1)])
    assert.equal(await again.markUsed(1, OTHER_TEXT), 'other', 'a forgotten opening is still used')
    assert.deepEqual(await again.sheet(keysWith(again)), bytes)
  })

  it('has its reveal in place of its secrets, once that is made, and gives the same again', async (context) => {
    const { path, open, reopen } = await place(context)
    const secrets = await open()
    const shares = sharesForAll()
    await secrets.keepShares(shares)
    await secrets.markUsed(1, TEXT)
    const own = secrets.own(1)
    assert.ok(own)
    const reveal = await secrets.reveal(1, (given, received) => {
      assert.deepEqual([given, received], [own, shares[0]])
      return given.own
    })
    assert.deepEqual(reveal, own.own)
    const again = await reopen()
    const never = () => assert.fail('made a second time')
    assert.deepEqual(await again.reveal(1, never), reveal)
    assert.equal(again.own(1), null)
    assert.deepEqual(await sharesIn(path), [null, shares[1], shares[2]])
    const onDisk = await readFile(path)
    for (const value of [own.secret, ...shares[0].flatMap((pair) => Object.values(pair ?? {}))])
      assert.equal(onDisk.indexOf(value), -1)
    assert.equal(await again.markUsed(1, OTHER_TEXT), 'other', 'what is revealed is still used')
    await again.forget(1)
    await assert.rejects(again.reveal(1, never), /no secrets to reveal/)
    assert.equal((await readFile(path)).indexOf(reveal), -1)
  })

  it('is not revealed where its secrets cannot be replaced', async (context) => {
    const { path, open } = await place(context)
    const secrets = await open()
    await secrets.keepShares(sharesForAll())
    const before = await readFile(path)
    await rm(path)
    await mkdir(path)
    const make = ({ own }: { own: Uint8Array }) => own
    await assert.rejects(secrets.reveal(1, make), { code: 'OUTPUT_UNWRITABLE' })
    await rm(path, { recursive: true })
    await writeFile(path, before)
    assert.deepEqual(await secrets.reveal(1, make), await secrets.reveal(1, make))
  })

  it('keeps the shares of others in place of the private key, and the sheet stays', async (context) => {
    const { path, open, reopen } = await place(context)
    const secrets = await open()
    const bytes = await secrets.sheet(keysWith(secrets))
    const { privateKey } = secrets
    assert.ok(privateKey)
    await assert.rejects(
      secrets.reveal(1, () => bytes),
      /no secrets to reveal/,
    )
    await secrets.forget(3)
    const shares = sharesForAll()
    await secrets.keepShares(shares)
    assert.equal((await readFile(path)).indexOf(privateKey), -1)
    const again = await reopen()
    assert.equal(again.privateKey, null)
    assert.deepEqual(await sharesIn(path), [shares[0], shares[1], null], 'none of an opening that is over')
    assert.deepEqual(again.publicKey, secrets.publicKey)
    assert.deepEqual(await again.sheet(keysWith(again)), bytes)
  })
})

describe('a crash between any two writes of the secrets file', () => {
  /** The answers before the crash, which may have been acted on. */
  interface Answered {
    sheet?: Uint8Array
    used: Map<number, string>
    forgotten: Set<number>
    /** The reveal of opening 1. */
    revealed?: Uint8Array
    keeps: boolean
  }
  const EMPTY: Answered = { used: new Map(), forgotten: new Set(), keeps: false }
  const SHARES = sharesForAll()
  type Step = (secrets: Secrets, answered: Answered) => Promise<Answered>

  const uses =
    (opening: number, text: string): Step =>
    async (secrets, answered) => {
      const before = answered.used.get(opening)
      assert.equal(
        await secrets.markUsed(opening, text),
        before === undefined ? 'first' : before === text ? 'same' : 'other',
      )
      return { ...answered, used: new Map([...answered.used, [opening, before ?? text]]) }
    }
  const deals: Step = async (secrets, answered) => {
    const sheet = await secrets.sheet(keysWith(secrets))
    if (answered.sheet !== undefined) assert.deepEqual(sheet, answered.sheet)
    return { ...answered, sheet }
  }
  const forgets =
    (opening: number): Step =>
    async (secrets, answered) => {
      await secrets.forget(opening)
      return { ...answered, forgotten: new Set([...answered.forgotten, opening]) }
    }
  const keeps: Step = async (secrets, answered) => {
    if (secrets.privateKey !== null) await secrets.keepShares(SHARES)
    return { ...answered, keeps: true }
  }
  const reveals: Step = async (secrets, answered) => {
    if (answered.forgotten.has(1)) return answered
    const revealed = await secrets.reveal(1, ({ own }) => own)
    if (answered.revealed !== undefined) assert.deepEqual(revealed, answered.revealed)
    return { ...answered, revealed }
  }
  const used = [uses(1, TEXT), uses(2, OTHER_TEXT)]
  const STEPS: Step[] = [deals, keeps, ...used, reveals, forgets(1), uses(1, OTHER_TEXT), forgets(2)]

  /** Runs the steps from where the file stands; takes a copy of it before the first and after each. */
  async function run(path: string, secrets: Secrets, answered: Answered) {
    const copies = [{ bytes: await readFile(path), answered }]
    for (const step of STEPS) {
      answered = await step(secrets, answered)
      copies.push({ bytes: await readFile(path), answered })
    }
    return copies
  }

  it('leaves all that was answered true, and none of it is answered otherwise afterwards', async (context) => {
    const { path, open, reopen } = await place(context)
    const copies = await run(path, await open(), EMPTY)
    for (const [at, { bytes, answered }] of copies.entries()) {
      // The file of the next change was begun: it has another name, and counts for nothing.
      await writeFile(`${path}.4711.part`, copies.at(at + 1)?.bytes.subarray(0, 99) ?? '')
      await writeFile(path, bytes)
      const secrets = await reopen()
      const isGone = (opening: number) =>
        answered.forgotten.has(opening) || (opening === 1 && answered.revealed !== undefined)
      for (const opening of [1, 2, 3]) assert.equal(secrets.own(opening) === null, isGone(opening), `${at}, ${opening}`)
      assert.equal(secrets.privateKey === null, answered.keeps)
      const hasShares = (await sharesIn(path))?.map((shares) => shares !== null)
      assert.deepEqual(
        hasShares,
        [1, 2, 3].map((opening) => answered.keeps && !isGone(opening)),
      )
      await run(path, secrets, answered)
    }
    assert.equal(copies.length, STEPS.length + 1)
  })
})
