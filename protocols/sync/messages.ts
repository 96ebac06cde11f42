/**
 * The messages of one exchange, CBOR one after another. The asker speaks first and says what it has (`have`). The other
 * sends the certificates that follow (`certificate`), messages that the asker lacks (`envelopes`), and at last what it
 * lacks itself (`want`). The asker sends those in the same form and ends the stream.
 */
import { z } from 'zod'
import { MAX_CERTIFICATE_BYTES, MAX_GOSSIP_BYTES } from '../round/messages/constants.ts'
import { boundedBytes, decode, encode, integer } from '../wire/encoding.ts'
import {
  ENVELOPES_PER_BATCH,
  MAX_ENVELOPES,
  MAX_KNOWN_MESSAGES,
  MAX_SYNC_BYTES,
  MESSAGE_ID_BYTES,
} from './constants.ts'

export type SyncMessage =
  /** `rounds`: certificates held, 1 to rounds; `known`: short ids of all messages held, one after another. */
  | { type: 'have'; rounds: number; known: Uint8Array }
  | { type: 'certificate'; certificate: Uint8Array }
  | { type: 'envelopes'; envelopes: Uint8Array[] }
  /** `rounds`: certificates held; `ids`: short ids of the messages asked for. */
  | { type: 'want'; rounds: number; ids: Uint8Array }

const ids = (max: number) =>
  boundedBytes(max * MESSAGE_ID_BYTES).refine((bytes) => bytes.byteLength % MESSAGE_ID_BYTES === 0)
const rounds = integer(0, 0xffff_ffff)

const syncSchema: z.ZodType<SyncMessage> = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('have'), rounds, known: ids(MAX_KNOWN_MESSAGES) }),
  z.strictObject({ type: z.literal('certificate'), certificate: boundedBytes(MAX_CERTIFICATE_BYTES) }),
  z.strictObject({
    type: z.literal('envelopes'),
    envelopes: z.array(boundedBytes(MAX_GOSSIP_BYTES)).max(ENVELOPES_PER_BATCH),
  }),
  z.strictObject({ type: z.literal('want'), rounds, ids: ids(MAX_ENVELOPES) }),
])

export function encodeSync(message: SyncMessage): Uint8Array {
  return encode(message)
}

/** @throws {MalformedMessageError} */
export function decodeSync(bytes: Uint8Array): SyncMessage {
  return decode({ what: 'sync message', schema: syncSchema, maxBytes: MAX_SYNC_BYTES }, bytes)
}

/** Short ids as keys, in their order. */
export function splitIds(bytes: Uint8Array): string[] {
  const ids: string[] = []
  for (let at = 0; at < bytes.byteLength; at += MESSAGE_ID_BYTES) {
    ids.push(Buffer.from(bytes.subarray(at, at + MESSAGE_ID_BYTES)).toString('hex'))
  }
  return ids
}

export function joinIds(ids: string[]): Uint8Array {
  return new Uint8Array(Buffer.from(ids.join(''), 'hex'))
}
