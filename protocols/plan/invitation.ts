/**
 * The invitation: one line that a founder passes on, `MULTIADDR#OFFER.SECRET`, where OFFER is the hash of the offer (64
 * hexadecimal digits) and SECRET the 16 random bytes that admit a member (32 digits). Whoever has the line can join.
 */
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { UsageError } from '../../src/base/errors.ts'
import { fromHex, HASH_BYTES, toHex } from '../wire/encoding.ts'
import { SECRET_BYTES } from './acceptance.ts'

export interface Invitation {
  /** The founder's address as text; it ends in /p2p/PEERID. */
  address: string
  /** Hash of the offer. */
  offer: Uint8Array
  secret: Uint8Array
}

const FORM = 'ADDRESS#OFFER.SECRET, as in /ip4/192.0.2.7/tcp/4001/p2p/12D3Koo...#<64 digits>.<32 digits>'

export function formatInvitation({ address, offer, secret }: Invitation): string {
  return `${address}#${toHex(offer)}.${toHex(secret)}`
}

/**
 * Reads an invitation.
 * @throws {UsageError} INVITATION_MALFORMED: names the part that is wrong; never repeats the secret
 */
export function parseInvitation(text: string): Invitation {
  const [address, rest, ...more] = text.trim().split('#')
  if (rest === undefined || more.length > 0) throw bad('it has no "#" between address and offer')
  const [offerText, secretText, ...parts] = rest.split('.')
  if (secretText === undefined || parts.length > 0) throw bad('it has no "." between offer and secret')
  const offer = fromHex(offerText.toLowerCase())
  if (offer?.byteLength !== HASH_BYTES) throw bad(`the offer is ${2 * HASH_BYTES} hexadecimal digits`)
  const secret = fromHex(secretText.toLowerCase())
  if (secret?.byteLength !== SECRET_BYTES) throw bad(`the secret is ${2 * SECRET_BYTES} hexadecimal digits`)
  checkAddress(address)
  return { address, offer, secret }
}

function checkAddress(address: string): void {
  let parts: Array<{ name: string; value?: string }>
  try {
    parts = multiaddr(address).getComponents()
  } catch {
    throw bad(`"${address.slice(0, 120)}" is no multiaddress`)
  }
  const last = parts.at(-1)
  if (last?.name !== 'p2p' || !isPeerId(last.value ?? '')) throw bad('the address does not end in /p2p/PEERID')
  if (!parts.some(({ name }) => name === 'tcp')) throw bad('the address names no TCP port')
}

function isPeerId(text: string): boolean {
  try {
    return peerIdFromString(text).type === 'Ed25519'
  } catch {
    return false
  }
}

function bad(detail: string): UsageError {
  return new UsageError({
    code: 'INVITATION_MALFORMED',
    what: `the invitation cannot be read: ${detail}`,
    hint: `Paste the whole line that the founder's peer printed: ${FORM}.`,
  })
}
