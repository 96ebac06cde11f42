/** The secrets of the sites of a masked federation, as a test reads them meanwhile, and the disks they were on. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { SheetReader } from '../../../../peers/masked/reader.ts'
import { SECRETS_FILE } from '../../../../peers/masked/secrets-file.ts'
import { decodeSecrets, type KeptSecrets } from '../../../../peers/masked/secrets-form.ts'
import { receivedShares } from '../../../../peers/masked/sheets.ts'
import { decodeKeySheet } from '../../../../protocols/masked/key-sheet.ts'
import { listRound } from '../../../../protocols/round/masked/phases.ts'
import type { Value } from '../../../../protocols/round/messages/value.ts'
import { toHex } from '../../../../protocols/wire/encoding.ts'
import { onlyFederation } from '../../../support/nodes.ts'
import type { SiteProcess } from '../../../support/sites.ts'

type Entries = Value['entries']

/** The secrets of a site that has dealt its shares. */
async function secretsOn(site: SiteProcess): Promise<KeptSecrets> {
  while (!site.deeds().some((deed) => /^after rename secrets dealt/.test(deed))) await setTimeout(100)
  const { state } = site
  const path = join(await onlyFederation(join(state, 'coppice')), SECRETS_FILE)
  const kept = decodeSecrets(new Uint8Array(readFileSync(path)))
  assert.ok(kept, path)
  return kept
}

/** A secret that must be on no disk in the end. */
interface FatalSecret {
  name: string
  bytes: Uint8Array
  /** It is fatal where this member is in the list: of others it is revealed. null: always. */
  listed: { member: number; opening: number } | null
}

/**
 * Private keys, and what hides the vectors of listed members from each other, whole and in shares. Call it where one
 * site holds its sheet back, so that the others have all their secrets.
 */
export async function fatalSecrets(sites: readonly SiteProcess[]): Promise<FatalSecret[]> {
  const all = (await Promise.all(sites.map(secretsOn))).sort((a, b) => a.self - b.self)
  const found: FatalSecret[] = []
  for (const { self, privateKey, openings } of all) {
    assert.ok(privateKey, `member ${self} has forgotten its private key`)
    found.push({ name: `the private key of ${self}`, bytes: privateKey, listed: null })
    for (const [index, { secrets }] of openings.entries()) {
      assert.ok(secrets, `member ${self} has forgotten its secrets of opening ${index + 1}`)
      const listed = { member: self, opening: index + 1 }
      found.push({ name: `p of ${self}, opening ${index + 1}`, bytes: secrets.secret, listed })
    }
  }
  return [...found, ...all.flatMap((receiver) => sharesFor(receiver, all))]
}

function sharesFor(receiver: KeptSecrets, dealers: readonly KeptSecrets[]): FatalSecret[] {
  const { members, openings, plan, privateKey, self, sheet: own } = receiver
  assert.ok(own && privateKey)
  const reader: SheetReader = { plan, self, privateKey, keys: own.keys, openings: openings.length }
  const sheets = dealers.map(({ self, sheet }) => {
    assert.ok(sheet, `member ${self} has dealt nothing`)
    return decodeKeySheet(sheet.bytes, { members, openings: openings.length })
  })
  return receivedShares(reader, sheets).flatMap((shares, index) =>
    shares.flatMap((pair, member): FatalSecret[] => {
      const name = `the share of p of ${member} for ${self}, opening ${index + 1}`
      return pair === null ? [] : [{ name, bytes: pair.secret, listed: { member, opening: index + 1 } }]
    }),
  )
}

/**
 * Asserts that no file in these directories has any of these secrets, as bytes or as hexadecimal digits.
 * @param entries - of the last certificate, which has the lists
 */
export function assertNoTrace(directories: readonly string[], secrets: readonly FatalSecret[], entries: Entries): void {
  const isListed = (member: number, opening: number) =>
    entries.some((entry) => entry.member === member && entry.round === listRound(opening))
  const fatal = secrets.filter(({ listed }) => listed === null || isListed(listed.member, listed.opening))
  assert.ok(fatal.some(({ listed }) => listed !== null))
  let read = 0
  for (const { name, parentPath } of directories.flatMap(filesIn)) {
    const bytes = readFileSync(join(parentPath, name))
    read++
    for (const secret of fatal) {
      const isThere = bytes.includes(Buffer.from(secret.bytes)) || bytes.includes(toHex(secret.bytes))
      assert.ok(!isThere, `${secret.name} is in ${join(parentPath, name)}`)
    }
  }
  assert.ok(read > 0)
}

function filesIn(directory: string) {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
}
