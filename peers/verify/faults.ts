/** The two refusals of `verify`, and reading with them. */
import { existsSync, readFileSync } from 'node:fs'
import { InvalidPlanError } from '../../protocols/plan/plan.ts'
import { MalformedMessageError } from '../../protocols/wire/encoding.ts'
import { CoppiceError, DivergedError, InputError } from '../../src/base/errors.ts'

/** @throws {InputError} VERIFY_MISSING */
export function readKept(path: string): Uint8Array {
  if (!existsSync(path)) throw missing(path)
  return readFileSync(path)
}

/** Reads a file. Damage that a decoder finds becomes VERIFY_FAILED: it is a difference, not a bug. */
export function guarded<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof CoppiceError) throw error
    if (error instanceof MalformedMessageError || error instanceof InvalidPlanError)
      throw differs(path, error.message, error)
    throw error
  }
}

/** @param more - what is known besides, as the end of the sentence */
export function missing(path: string, more = ''): InputError {
  return new InputError({
    code: 'VERIFY_MISSING',
    what: `${path} is missing${more}`,
    hint: 'Give verify the whole output directory of a peer: plan.cbor, certificates, contributions and model.',
  })
}

export function differs(path: string, why: string, cause?: unknown): DivergedError {
  return new DivergedError({
    code: 'VERIFY_FAILED',
    what: `not verified: ${path} ${why}`,
    hint: 'Do not use this model: fetch the output directory again from a member, and verify that.',
    cause,
  })
}
