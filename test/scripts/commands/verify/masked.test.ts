import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { federationOf } from '../../../../peers/round/federation.ts'
import { verifyDirectory } from '../../../../peers/verify/directory.ts'
import { decodeReveal, encodeReveal } from '../../../../protocols/masked/reveal.ts'
import { decodeSignedPlan, type Plan } from '../../../../protocols/plan/plan.ts'
import { decodeCertificate } from '../../../../protocols/round/messages/certificate.ts'
import type { ManifestEntry } from '../../../../protocols/round/messages/value.ts'
import { toHex } from '../../../../protocols/wire/encoding.ts'
import { blobId } from '../../../../protocols/wire/hash.ts'
import { DivergedError } from '../../../../src/base/errors.ts'
import { openEngine } from '../../../../src/jobs/open-engine.ts'
import { keySlot, revealSlot, sheetSlot } from '../../../../src/merge/openings.ts'
import { coppice, type Ended } from '../../../support/command-line.ts'
import { fixturePath } from '../../../support/shared.ts'
import { siteText } from '../../../support/sites.ts'
import { certifyAnew } from './recertified.ts'

const directory = mkdtempSync(join(tmpdir(), 'coppice-test-'))
const engine = openEngine()
after(async () => {
  await engine.close()
  rmSync(directory, { recursive: true, force: true })
})

const MODEL = fixturePath('stories260k')
const TEXTS = [0, 1, 2, 3].map((site) => siteText(directory, site))
/** Two keys' rounds, and of one group mean squares and then products: a list and reveals for each. */
const PLAN = '--merge pooled --rounds 1 --masked --windows 2 --window 64 --eval-tokens 128 --baselines none --json'
const [LIST, REVEALS, LAST] = [3, 4, 6]

describe('verify of a masked plan', () => {
  const out = join(directory, 'whole')
  const copy = join(directory, 'copy')
  let plan: Plan
  let simulated: Ended
  let slots: Record<'key' | 'sheet' | 'reveal' | 'vector', number>
  before(async () => {
    simulated = await coppice('simulate', '--model', MODEL, '--text', ...TEXTS, ...PLAN.split(' '), '--out', out)
    assert.equal(simulated.exit, 0, simulated.stderr)
    plan = decodeSignedPlan(new Uint8Array(readFileSync(join(out, 'plan.cbor')))).plan
    const { masked } = federationOf(plan)
    assert.ok(masked)
    slots = { key: keySlot(masked), sheet: sheetSlot(masked), reveal: revealSlot(masked, 1), vector: 0 }
  })

  /** The first of a slot: a quorum of reveals is enough, whose may differ. */
  const entryAt = (slot: number): ManifestEntry => {
    const bytes = new Uint8Array(readFileSync(join(out, 'certificates', `${LAST}.cbor`)))
    const { entries } = decodeCertificate(bytes).value
    return entries.find((entry) => entry.block === slot) ?? assert.fail(`${slot}`)
  }
  const bytesOf = ({ root }: ManifestEntry) => new Uint8Array(readFileSync(join(out, 'contributions', root)))
  /** Verifies a copy that was changed, or says why not. */
  const verifyChanged = async (change: () => unknown): Promise<string> => {
    rmSync(copy, { recursive: true, force: true })
    cpSync(out, copy, { recursive: true })
    await change()
    const { gone } = await verifyDirectory({ engine, dir: copy, base: MODEL }).catch((error) => {
      if (error instanceof DivergedError) return { gone: `${error.message} (${error.code})` }
      throw error
    })
    return String(gone)
  }
  const flip = (name: string) => {
    const bytes = readFileSync(join(copy, name))
    bytes[bytes.length >> 1] ^= 1
    rmSync(join(copy, name))
    writeFileSync(join(copy, name), bytes)
  }
  /** Other bytes in the place of an entry, for which all members sign: nothing but they themselves tell. */
  const replace = async (old: ManifestEntry, bytes: Uint8Array) => {
    const root = toHex(blobId(bytes))
    writeFileSync(join(copy, 'contributions', root), bytes)
    await certifyAnew(copy, plan, (entries) =>
      entries.map((entry) => (entry.root === old.root ? { ...entry, root } : entry)),
    )
    return root
  }

  it('was told round by round, and reported with the phase of each', () => {
    const { rounds } = JSON.parse(simulated.stdout)
    const phases = ['keys', 'sheets', 'list', 'reveal', 'list', 'reveal']
    const openings = [null, null, 1, 1, 2, 2]
    const own = rounds.map(({ phase, opening, sites }: Record<string, unknown>) => [phase, opening, sites])
    assert.deepEqual(
      own,
      phases.map((phase, i) => [phase, openings[i], 4]),
    )
    for (const line of [
      'Round 1 of 6: the keys of all 4 sites are certified (',
      'Round 5 of 6: the masked products of 4 sites are listed: blocks 0 to 4 (',
      'Round 6 of 6: the sum of the products of 4 sites is opened: blocks 0 to 4, ',
    ])
      assert.ok(simulated.stderr.includes(`\n${line}`) || simulated.stderr.startsWith(line), line)
  })

  it('opens its sums again, and says of how many sites each is', async () => {
    const { exit, stdout, stderr } = await coppice('verify', out, '--model', MODEL)
    assert.equal(exit, 0, stderr)
    assert.match(stdout, /all keys, key sheets, reveals and masked vectors, the merge and the model: all good\.\n/)
    assert.match(stdout, /\nOpened again: the sum of the mean squares of 4 sites, blocks 0 to 4\.\n/)
    assert.match(stdout, /\nOpened again: the sum of the products of 4 sites, blocks 0 to 4\.\n/)
    const { verified } = await verifyDirectory({ engine, dir: out, base: MODEL })
    const sum = { blocks: [0, 1, 2, 3, 4], sites: 4, state: 'opened' }
    assert.equal(verified.rounds, LAST)
    assert.deepEqual(verified.sums, [
      { opening: 1, of: 'meanSquares', ...sum },
      { opening: 2, of: 'products', ...sum },
    ])
  })

  it('is described file by file', async () => {
    for (const [what, says] of [
      ['key', /^Key [0-9a-f]{64}\nof \S+ \(12D3KooW\w+\.\.\.\) in round 1 of federation /],
      ['sheet', /^Key sheet .*\n.* in round 2 of .*\n.* for each of 2 openings/],
      ['reveal', /^Reveal .*\n.* in round 4 of .*\n.*\n {2}the seed of its own stream\n {2}shares of the seeds of/],
      ['vector', /^Masked vector .*\n.* for block 0 in round 3 of .*\n.* mean squares .*\n.* is opened\.\n/],
    ] as const) {
      const { root } = entryAt(slots[what])
      const { exit, stdout, stderr } = await coppice('inspect', '--contribution', join(out, 'contributions', root))
      assert.equal(exit, 0, stderr)
      assert.match(stdout, says)
    }
    const certificate = (round: number, ...more: string[]) =>
      coppice('inspect', '--certificate', join(out, 'certificates', `${round}.cbor`), ...more)
    const list = await certificate(LIST)
    assert.match(list.stdout, /\nIn this round the masked mean squares of 4 sites are listed: blocks 0 to 4\.\n/)
    assert.match(list.stdout, /\nIt has 20 masked vectors of 4 members:\n/)
    assert.match(list.stdout, /\nNot pruned so far: blocks 0 to 4: base weights\.\n/)
    const { contributions, masked } = JSON.parse((await certificate(REVEALS, '--json')).stdout)
    const { members, others, ...told } = masked
    assert.deepEqual(told, { phase: 'reveal', opening: 1, sites: 4, blocks: [0, 1, 2, 3, 4], closed: [] })
    assert.equal(contributions.length, 20)
    assert.equal(members.length, 4)
    const parts = others.map(({ part }: { part: string }) => part)
    assert.deepEqual([...new Set(parts)].sort(), ['key', 'reveal', 'sheet'])
  })

  it('refuses a flipped bit of a reveal, and a missing certificate although all else verifies', async () => {
    const { root } = entryAt(slots.reveal)
    cpSync(out, copy, { recursive: true })
    flip(join('contributions', root))
    const flipped = await coppice('verify', copy, '--model', MODEL)
    assert.equal(flipped.exit, 7, flipped.stderr)
    assert.match(flipped.stderr, new RegExp(`contributions/${root} holds other bytes than its name .*VERIFY_FAILED`))
    flip(join('contributions', root))
    rmSync(join(copy, 'certificates', '2.cbor'))
    const { exit, stderr } = await coppice('verify', copy, '--model', MODEL)
    assert.equal(exit, 3, stderr)
    assert.match(
      stderr,
      /lacks the certificate of round 2; 5 other certificates, all keys, .* verify \(VERIFY_MISSING\)/,
    )
  })

  for (const what of ['key', 'sheet', 'reveal', 'vector'] as const) {
    it(`refuses a flipped bit of a ${what}, and names its file`, async () => {
      const { root } = entryAt(slots[what])
      const says = await verifyChanged(() => flip(join('contributions', root)))
      assert.match(says, new RegExp(`contributions/${root} holds other bytes than its name says .*VERIFY_FAILED`))
    })
  }

  it('refuses a flipped bit of a list, and names its certificate, also where another one is gone', async () => {
    const list = await verifyChanged(() => flip(`certificates/${LIST}.cbor`))
    assert.match(list, /certificates\/3\.cbor .*VERIFY_FAILED/)
    const next = await verifyChanged(() => {
      rmSync(join(copy, 'certificates', `${LIST}.cbor`))
      flip(`certificates/${REVEALS}.cbor`)
    })
    assert.match(next, /certificates\/4\.cbor .*VERIFY_FAILED/)
  })

  it('names each certificate that is gone, and verifies what was signed anew by all, if it is the same', async () => {
    assert.equal(
      await verifyChanged(async () => {
        await certifyAnew(copy, plan, (entries) => entries)
        for (const round of [1, LIST]) rmSync(join(copy, 'certificates', `${round}.cbor`))
      }),
      '1,3',
    )
  })

  it('refuses a wrong seed and a wrong share although all have signed for them', async () => {
    const entry = entryAt(slots.reveal)
    const reveal = decodeReveal(bytesOf(entry), 4)
    const [first] = reveal.shares
    const wrong = new Uint8Array(32).fill(1)
    for (const [changed, why] of [
      [{ ...reveal, own: wrong }, `the member's own "own" is not the one of its sheet`],
      [
        { ...reveal, shares: reveal.shares.with(0, { ...first, share: Uint8Array.of(...wrong, 1) }) },
        `its share of member ${first.member}'s "own" is not the one that was dealt`,
      ],
    ] as const) {
      let root = ''
      const says = await verifyChanged(async () => {
        root = await replace(entry, encodeReveal(changed))
      })
      assert.ok(
        says.includes(`contributions/${root} is not what its member had to show (the reveal of member ${entry.member}`),
        says,
      )
      assert.ok(says.includes(why), says)
    }
  })

  it('refuses a masked vector of another length, and one of other numbers, although all have signed for them', async () => {
    const entry = entryAt(slots.vector)
    const bytes = bytesOf(entry)
    let root = ''
    const short = await verifyChanged(async () => {
      root = await replace(entry, bytes.slice(0, -1))
    })
    assert.match(short, new RegExp(`contributions/${root} is no valid contribution \\(LENGTH: `))
    const last = bytes.length - 16 // the lowest byte of a mean square
    const other = await verifyChanged(() => replace(entry, bytes.with(last + 6, bytes[last + 6] ^ 1)))
    assert.match(other, /contributions merges to [0-9a-f]{64}, the certificate says/)
  })

  it('refuses a list without a member whose vectors the reveals count, although all have signed for it', async () => {
    const isLeft = ({ block, member }: ManifestEntry) => member !== 3 || block >= slots.key
    const says = await verifyChanged(() => certifyAnew(copy, plan, (entries) => entries.filter(isLeft)))
    assert.match(
      says,
      /contributions\/[0-9a-f]{64} is not what its member had to show \(the reveal of member \d.* share of member 3/,
    )
  })
})
