/**
 * DATA: the files that a site keeps to itself, one directory for all its federations, closed to other accounts:
 *   peer.key          the site's private key
 *   name              the site's name, if one was given
 *   plans.wal         the plans that the site has signed, and how much was sent under each
 *   ledger            the texts that were in sums of masked plans, and with whom
 *   lock              held while a peer runs
 *   status.sock       where a running peer tells other programs of this account how it goes
 *   federations/ID/   one federation: plan.cbor, offer, journal.wal, secrets, blobs, certificates, merges, checkpoints
 * None of these files is in OUT, which may be given to anyone.
 */
import { chmod, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Ed25519PrivateKey } from '@libp2p/interface'
import type { Plan } from '../../protocols/plan/plan.ts'
import { toHex } from '../../protocols/wire/encoding.ts'
import { type Signer, signerOf } from '../../protocols/wire/signing.ts'
import { OutputError } from '../../src/base/errors.ts'
import { unwritable } from '../../src/base/system-errors.ts'
import { removeBegun, writeDurably } from '../../src/files/durable-file.ts'
import { TEXT_LEDGER_FILE, TextLedger } from '../kept/text-ledger.ts'
import { SOCKET_FILE } from '../status/socket.ts'
import { identityOf, KEY_FILE } from './identity.ts'
import { LOCK_FILE, lockDirectory } from './lock.ts'
import { makeDirectory } from './make-directory.ts'
import { PLANS_FILE, SignedPlans } from './signed-plans.ts'
import { NAME_FILE, siteNameOf } from './site-name-file.ts'

export const FEDERATIONS_NAME = 'federations'
/**
 * A file in the directory of a federation with the hash of its offer in hexadecimal: an invitation finds the federation
 * by it.
 */
export const OFFER_FILE = 'offer'
/** Only the owner may read, write and enter. */
const PRIVATE_MODE = 0o700
/** Permissions of all other accounts. */
const OTHERS = 0o077

const LOCKED_HINT =
  'Another peer of this account runs there. A second site in one account needs a --data of its own, and keeps to it.'

interface DataDirectoryOptions {
  /** Default: the key in the directory, which is made if there is none. */
  privateKey?: Ed25519PrivateKey
}

/** The open data directory. It is locked until it is disposed of: two processes with one key would vote twice. */
export class DataDirectory implements AsyncDisposable {
  readonly path: string
  /** Whether it was open to other accounts, and has been closed. */
  readonly tightened: boolean
  readonly privateKey: Ed25519PrivateKey
  readonly signer: Signer
  readonly signedPlans: SignedPlans
  readonly textLedger: TextLedger
  private readonly resources: AsyncDisposableStack

  private constructor(
    path: string,
    tightened: boolean,
    privateKey: Ed25519PrivateKey,
    signedPlans: SignedPlans,
    textLedger: TextLedger,
    resources: AsyncDisposableStack,
  ) {
    this.path = path
    this.tightened = tightened
    this.privateKey = privateKey
    this.signer = signerOf(privateKey.raw)
    this.signedPlans = signedPlans
    this.textLedger = textLedger
    this.resources = resources
  }

  /**
   * Opens a data directory, and makes the missing parts of it.
   * @throws {OutputError} OUTPUT_LOCKED, OUTPUT_DATA_OPEN, OUTPUT_KEY_DAMAGED, OUTPUT_KEY_GONE, OUTPUT_KEY_OPEN,
   * OUTPUT_LOG_DAMAGED, OUTPUT_LEDGER_DAMAGED, OUTPUT_UNWRITABLE
   */
  static async open(path: string, { privateKey }: DataDirectoryOptions = {}): Promise<DataDirectory> {
    await makeDirectory(path, PRIVATE_MODE).catch((error: OutputError) => {
      const { code, message: what } = error
      throw new OutputError({ code, what, hint: 'Give --data a directory that this account may make.', cause: error })
    })
    const tightened = await closeToOthers(path)
    await using resources = new AsyncDisposableStack()
    const lock = await lockDirectory(path, LOCKED_HINT)
    resources.defer(() => lock.release())
    await removeBegun(join(path, FEDERATIONS_NAME))
    const key = privateKey ?? (await identityOf(path, [PLANS_FILE, FEDERATIONS_NAME]))
    const signedPlans = await SignedPlans.open(path)
    resources.defer(() => signedPlans.close())
    const textLedger = TextLedger.open(path)
    return new DataDirectory(path, tightened, key, signedPlans, textLedger, resources.move())
  }

  /**
   * The site's name. @param given - a name to keep from now on; null: the name stays
   * @throws {OutputError} OUTPUT_UNWRITABLE
   */
  siteName(given: string | null): Promise<string> {
    return siteNameOf(this.path, this.signer.peerId, given)
  }

  /** The directory of a federation, which is made if it does not exist. @throws {OutputError} OUTPUT_UNWRITABLE */
  async federation({ id, offerHash }: Plan): Promise<string> {
    const directory = join(this.path, FEDERATIONS_NAME, toHex(id))
    await makeDirectory(directory)
    await writeDurably(join(directory, OFFER_FILE), Buffer.from(`${toHex(offerHash)}\n`))
    return directory
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.resources[Symbol.asyncDispose]()
  }
}

/** The names of a data directory. Coppice does not close a directory that holds any other. */
const OWN_NAMES = new Set([KEY_FILE, NAME_FILE, PLANS_FILE, TEXT_LEDGER_FILE, LOCK_FILE, SOCKET_FILE, FEDERATIONS_NAME])

/**
 * Closes a directory to other accounts; returns whether that was necessary. A directory that holds other things is
 * refused instead: somebody else may need them.
 * @throws {OutputError} OUTPUT_DATA_OPEN
 */
async function closeToOthers(path: string): Promise<boolean> {
  if (process.platform === 'win32') return false // it has no such permissions; a user's folder is closed there anyway
  try {
    const { mode } = await stat(path)
    if ((mode & OTHERS) === 0) return false
    const stranger = (await readdir(path)).find((name) => !OWN_NAMES.has(name))
    if (stranger !== undefined) throw openToOthers(path, mode, `and holds other things (${stranger})`)
    await chmod(path, PRIVATE_MODE).catch((error) => {
      throw openToOthers(path, mode, `and cannot be closed (${error.code})`)
    })
    return true
  } catch (error) {
    throw error instanceof OutputError ? error : unwritable(path, error)
  }
}

function openToOthers(path: string, mode: number, why: string): OutputError {
  return new OutputError({
    code: 'OUTPUT_DATA_OPEN',
    what: `the data directory ${path} is open to other accounts (mode ${(mode & 0o777).toString(8)}) ${why}`,
    hint: `The site's key would lie there. Give --data a directory of its own, or close this one: chmod 700 ${path}`,
  })
}
