/** The files beside an inspected file in the output directory of a peer. They tell more about it than its own bytes. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { decodeSignedPlan, InvalidPlanError, type Plan } from '../../../protocols/plan/plan.ts'
import { type Certificate, decodeCertificate } from '../../../protocols/round/messages/certificate.ts'
import { MalformedMessageError } from '../../../protocols/wire/encoding.ts'
import { InputError } from '../../../src/base/errors.ts'

/** The output directory OUT of a file in OUT/contributions or OUT/certificates. */
export function outputOf(file: string): string {
  return dirname(dirname(file))
}

/** @throws {InputError} INSPECT_UNREADABLE */
export function readInspected(path: string, what: string): Uint8Array {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new InputError({
      code: 'INSPECT_UNREADABLE',
      what: `the ${what} ${path} cannot be read`,
      hint: `Give --${what} the path of a file that a peer has kept.`,
      cause,
    })
  }
}

/** The refusal of a file that is not what it should be: INSPECT_MALFORMED. */
export function malformedFile(path: string, what: string, cause: Error): InputError {
  return new InputError({
    code: 'INSPECT_MALFORMED',
    what: `${path} is no ${what} (${cause.message})`,
    hint: `Give --${what} a file as a peer wrote it, or fetch it again.`,
    cause,
  })
}

/** The plan beside the file; null if there is none, or none that can be read: then only names are missing. */
export function neighbourPlan(out: string): Plan | null {
  return readNeighbour(join(out, 'plan.cbor'), (bytes) => decodeSignedPlan(bytes).plan)
}

/** The certificates beside the file, by round; those that cannot be read are left out. */
export function neighbourCertificates(out: string): Certificate[] {
  const folder = join(out, 'certificates')
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .map((name) => readNeighbour(join(folder, name), decodeCertificate))
    .filter((certificate) => certificate !== null)
    .sort((a, b) => a.value.round - b.value.round)
}

function readNeighbour<T>(path: string, decode: (bytes: Uint8Array) => T): T | null {
  if (!existsSync(path)) return null
  try {
    return decode(readFileSync(path))
  } catch (error) {
    if (error instanceof MalformedMessageError || error instanceof InvalidPlanError) return null
    throw error
  }
}
