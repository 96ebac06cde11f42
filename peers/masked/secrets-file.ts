/**
 * The secrets of a member in a masked plan: a file in the federation's directory, readable by its owner only, and apart
 * from the journal, since secrets are deleted once they have served. The file is replaced as a whole by each change,
 * which is on the disk before a call returns. So whenever a process ends, the file is that before or after a change.
 *
 * Deleting is replacing the file by one without the secret: the blocks of the old file are not overwritten, which few
 * file systems and no solid-state disk would do at the same place.
 *
 * An older copy of the file must never be put back: it may not know that an opening is masked already.
 */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { SECRET_BYTES } from '../../protocols/masked/constants.ts'
import { encodeKeySheet } from '../../protocols/masked/key-sheet.ts'
import { equalBytes, fromHex, HASH_BYTES } from '../../protocols/wire/encoding.ts'
import { OutputError } from '../../src/base/errors.ts'
import { writeDurably } from '../../src/files/durable-file.ts'
import { PRIVATE_FILE_MODE, readPrivate } from '../../src/files/private-file.ts'
import { dealSheet } from './deal.ts'
import type { OpeningSecrets, ReceivedShares } from './reader.ts'
import { decodeSecrets, encodeSecrets, type KeptOpening, type KeptSecrets, MAX_SECRETS_BYTES } from './secrets-form.ts'
import { publicKeyOf } from './x25519.ts'

/** The name of the file in the directory of the federation. */
export const SECRETS_FILE = 'secrets'

interface SecretsInit {
  planId: Uint8Array
  members: number
  /** This member's index in the roster. */
  self: number
  openings: number
  /** Whether a missing file is made: only as long as nothing was sent that follows from one. */
  mayBegin: boolean
}

export class Secrets {
  /** The key of this member, to which others encrypt: see protocols/masked/member-key.ts. */
  readonly publicKey: Uint8Array
  private readonly path: string
  private kept: KeptSecrets
  private tail: Promise<unknown> = Promise.resolve()

  private constructor(path: string, kept: KeptSecrets) {
    this.path = path
    this.kept = kept
    this.publicKey = kept.publicKey
  }

  /**
   * Reads the file of a federation's directory, or draws new secrets and makes it.
   * @throws {OutputError} OUTPUT_SECRETS_DAMAGED, OUTPUT_SECRETS_GONE, OUTPUT_SECRETS_OPEN, OUTPUT_SECRETS_OTHER,
   * OUTPUT_UNWRITABLE
   */
  static async open(directory: string, init: SecretsInit): Promise<Secrets> {
    const path = join(directory, SECRETS_FILE)
    const bytes = await readPrivate(path, MAX_SECRETS_BYTES, (mode) => openToOthers(path, mode))
    if (bytes === null) {
      if (!init.mayBegin) throw gone(path)
      const secrets = new Secrets(path, drawn(init))
      await secrets.replace(secrets.kept)
      return secrets
    }
    const kept = decodeSecrets(bytes)
    if (kept === null) throw damaged(path)
    if (!areOf(init, kept)) throw other(path, 'it was made for another federation')
    return new Secrets(path, kept)
  }

  /** The private key of publicKey, with which shares are opened; null: it is forgotten, and they are kept here. */
  get privateKey(): Uint8Array | null {
    return this.kept.privateKey
  }

  /** This member's own secrets of an opening; null: they are forgotten. */
  own(opening: number): OpeningSecrets | null {
    return this.opening(opening).secrets
  }

  /**
   * The bytes of this member's key sheet. They are drawn by the first call and are the same ever after.
   * @param keys - those of all members, in the roster's order
   * @throws {OutputError} OUTPUT_SECRETS_OTHER: the sheet was made for other keys; OUTPUT_UNWRITABLE
   * @throws {RangeError} secrets were forgotten before there was a sheet; or a key is of low order
   */
  sheet(keys: readonly Uint8Array[]): Promise<Uint8Array> {
    return this.inTurn(async () => {
      const { members, self, publicKey, sheet } = this.kept
      if (keys.length !== members) throw new RangeError(`${keys.length} keys of ${members} members`)
      if (!equalBytes(keys[self], publicKey)) throw other(this.path, 'it has another key of this member')
      if (sheet === null) return this.drawSheet(keys)
      const changed = sheet.keys.findIndex((key, member) => !equalBytes(key, keys[member]))
      if (changed !== -1) throw other(this.path, `its key sheet was made for another key of member ${changed}`)
      return sheet.bytes
    })
  }

  /**
   * Notes that an opening is masked, and for which text and settings; returns when that is on the disk. Two masked
   * vectors of one opening would show the difference of their contents, so none may be made after `other`.
   * @param fingerprint - 64 hexadecimal digits
   * @throws {OutputError} OUTPUT_UNWRITABLE: nothing may be masked
   */
  markUsed(opening: number, fingerprint: string): Promise<'first' | 'same' | 'other'> {
    return this.inTurn(async () => {
      const used = fromHex(fingerprint)
      if (used?.byteLength !== HASH_BYTES) throw new RangeError(`"${fingerprint}" is no fingerprint`)
      const before = this.opening(opening).used
      if (before !== null) return equalBytes(before, used) ? 'same' : 'other'
      await this.replaceOpening(opening, { ...this.opening(opening), used })
      return 'first'
    })
  }

  /**
   * Keeps the shares that others have dealt, and deletes the private key: from here on nobody can open a sheet again,
   * so what an opening has lost is lost for good.
   * @param shares - by opening - 1
   * @throws {OutputError} OUTPUT_UNWRITABLE
   */
  keepShares(shares: readonly ReceivedShares[]): Promise<void> {
    return this.inTurn(() => {
      const openings = this.kept.openings.map((opening, index) => {
        return { ...opening, shares: opening.secrets === null ? null : shares[index] }
      })
      return this.replace({ ...this.kept, privateKey: null, openings })
    })
  }

  /**
   * The bytes of this member's reveal of an opening, in whose place they stand on the disk from the first call on: with
   * what it does not reveal, nobody can open a single vector any more, however the federation ends.
   * @param make - makes them, in the first call
   * @throws {RangeError} the opening is forgotten; or the shares are still sealed
   * @throws {OutputError} OUTPUT_UNWRITABLE: nothing may be revealed
   */
  reveal(opening: number, make: (secrets: OpeningSecrets, shares: ReceivedShares) => Uint8Array): Promise<Uint8Array> {
    return this.inTurn(async () => {
      const { reveal, secrets, shares, used } = this.opening(opening)
      if (reveal !== null) return reveal
      if (secrets === null || shares === null) throw new RangeError(`opening ${opening} has no secrets to reveal`)
      const made = make(secrets, shares)
      await this.replaceOpening(opening, { secrets: null, used, shares: null, reveal: made })
      return made
    })
  }

  /**
   * Deletes what is left of an opening, once its result is certified.
   * @throws {OutputError} OUTPUT_UNWRITABLE
   */
  forget(opening: number): Promise<void> {
    return this.inTurn(async () => {
      const { reveal, secrets, shares, used } = this.opening(opening)
      if (reveal === null && secrets === null && shares === null) return
      await this.replaceOpening(opening, { secrets: null, used, shares: null, reveal: null })
    })
  }

  private opening(opening: number): KeptOpening {
    const kept = this.kept.openings[opening - 1]
    if (kept === undefined) throw new RangeError(`there is no opening ${opening} of ${this.kept.openings.length}`)
    return kept
  }

  private async drawSheet(keys: readonly Uint8Array[]): Promise<Uint8Array> {
    const { plan, self, privateKey, openings } = this.kept
    const secrets = openings.flatMap(({ secrets }) => secrets ?? [])
    if (privateKey === null || secrets.length < openings.length) throw new RangeError('there are no secrets to deal')
    const dealer = { plan, self, keys, privateKey, openings: openings.length }
    const bytes = encodeKeySheet(await dealSheet(dealer, secrets))
    await this.replace({ ...this.kept, sheet: { keys: [...keys], bytes } })
    return bytes
  }

  private replaceOpening(opening: number, by: KeptOpening): Promise<void> {
    return this.replace({ ...this.kept, openings: this.kept.openings.with(opening - 1, by) })
  }

  private async replace(kept: KeptSecrets): Promise<void> {
    await writeDurably(this.path, encodeSecrets(kept), PRIVATE_FILE_MODE)
    this.kept = kept
  }

  /** One change after the other: each starts from what the one before has left. */
  private inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.tail.then(change)
    this.tail = done.catch(() => {})
    return done
  }
}

function drawn({ planId, self, members, openings }: SecretsInit): KeptSecrets {
  const secret = () => new Uint8Array(randomBytes(SECRET_BYTES))
  const privateKey = secret()
  return {
    plan: planId,
    self,
    members,
    publicKey: publicKeyOf(privateKey),
    privateKey,
    openings: Array.from({ length: openings }, () => ({
      ...{ secrets: { own: secret(), secret: secret() }, used: null, shares: null, reveal: null },
    })),
    sheet: null,
  }
}

function areOf({ planId, self, members, openings }: SecretsInit, kept: KeptSecrets): boolean {
  const same = kept.self === self && kept.members === members && kept.openings.length === openings
  return same && equalBytes(kept.plan, planId)
}

const ANEW_HINT =
  'Found a new federation. An older copy of the file must not be put back: it may not know what is masked already.'

function damaged(path: string): OutputError {
  return new OutputError({ code: 'OUTPUT_SECRETS_DAMAGED', what: `the secrets ${path} are damaged`, hint: ANEW_HINT })
}

function gone(path: string): OutputError {
  const what = `the secrets ${path} are gone, but this site has taken part with them`
  return new OutputError({ code: 'OUTPUT_SECRETS_GONE', what, hint: ANEW_HINT })
}

function other(path: string, why: string): OutputError {
  return new OutputError({
    code: 'OUTPUT_SECRETS_OTHER',
    what: `the secrets ${path} do not fit: ${why}`,
    hint: ANEW_HINT,
  })
}

function openToOthers(path: string, mode: string): OutputError {
  return new OutputError({
    code: 'OUTPUT_SECRETS_OPEN',
    what: `the secrets ${path} are open to other accounts (mode ${mode})`,
    hint: `Close it: chmod 600 ${path}. If somebody else may have read it, found a new federation instead.`,
  })
}
