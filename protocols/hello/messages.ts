/** A greeting and its answer: one CBOR message each way on one stream, the greeting first. */
import { z } from 'zod'
import { decode, encode, hashSchema, integer } from '../wire/encoding.ts'
import { MAX_HELLO_BYTES } from './constants.ts'

export interface Greeting {
  version: number
  /** The plan's id, which is the federation's. */
  plan: Uint8Array
  /** Hash of the base model. The plan has it too; it is repeated here so that the refusal can name a mix-up. */
  model: Uint8Array
  /** Id of the last certificate; null before the first. */
  certificate: Uint8Array | null
  /** The number of certified rounds. */
  rounds: number
}

/** The reason why a greeting is refused. `not-ready`: no plan yet, ask again; the others are final. */
const HELLO_REFUSALS = ['not-ready', 'version', 'plan', 'model', 'member'] as const
export type HelloRefusal = (typeof HELLO_REFUSALS)[number]

export type HelloAnswer = { type: 'hello'; greeting: Greeting } | { type: 'refused'; reason: HelloRefusal }

const greetingSchema: z.ZodType<Greeting> = z.strictObject({
  version: integer(0, 0xffff),
  plan: hashSchema,
  model: hashSchema,
  certificate: hashSchema.nullable(),
  rounds: integer(0, 0xffff_ffff),
})

const answerSchema: z.ZodType<HelloAnswer> = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('hello'), greeting: greetingSchema }),
  z.strictObject({ type: z.literal('refused'), reason: z.enum(HELLO_REFUSALS) }),
])

export function encodeHello(message: Greeting | HelloAnswer): Uint8Array {
  return encode(message)
}

/** @throws {MalformedMessageError} */
export function decodeGreeting(bytes: Uint8Array): Greeting {
  return decode({ what: 'greeting', schema: greetingSchema, maxBytes: MAX_HELLO_BYTES }, bytes)
}

/** @throws {MalformedMessageError} */
export function decodeHelloAnswer(bytes: Uint8Array): HelloAnswer {
  return decode({ what: 'answer to a greeting', schema: answerSchema, maxBytes: MAX_HELLO_BYTES }, bytes)
}
