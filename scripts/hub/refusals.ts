/** The refusals of whatever comes from a hub. None of them has an address with its query: it may hold a signature. */
import { InputError, NetworkError } from '../../src/base/errors.ts'
import { systemCode } from '../../src/base/system-errors.ts'
import type { HubName } from './name.ts'

const TOKEN_HINT =
  'Check the name. For a model that is private, or has terms to accept on its page, accept them and set HF_TOKEN.'
const LATER_HINT = 'Try again later: the same command goes on with the files that are there.'

/** No answer came: no connection, or silence. */
export function unreachable(host: string, error: unknown): NetworkError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  const reason = systemCode(cause) ?? (cause instanceof Error ? cause.message : String(cause))
  return new NetworkError({
    code: 'HUB_UNREACHABLE',
    what: `the hub ${host} does not answer (${reason})`,
    hint: 'Check the connection, HF_ENDPOINT and a proxy; or give --offline to take what the cache holds.',
    cause: error,
  })
}

/** A status that is no success. @param isSent - whether HF_TOKEN was sent */
export function refusedStatus(status: number, { repository, revision }: HubName, isSent: boolean): Error {
  const name = `${repository}, revision ${revision}`
  if (status === 401 || status === 403) {
    const token = isSent ? 'with the HF_TOKEN of this environment' : 'without a token'
    return new InputError({
      code: 'HUB_DENIED',
      what: `the hub does not give ${repository} ${token} (status ${status})`,
      hint: TOKEN_HINT,
    })
  }
  if (status === 404) {
    return new InputError({
      code: 'HUB_NOT_FOUND',
      what: `the hub has no ${name} (status 404)`,
      hint: TOKEN_HINT,
    })
  }
  if (status === 429) {
    return new NetworkError({
      code: 'HUB_BUSY',
      what: `the hub lets this address ask no more for now (status 429), at ${name}`,
      hint: LATER_HINT,
    })
  }
  if (status < 500) return badAnswer(`status ${status}`)
  return new NetworkError({
    code: 'HUB_FAILED',
    what: `the hub fails at ${name} (status ${status})`,
    hint: LATER_HINT,
  })
}

/** An answer in another form than a hub gives. */
export function badAnswer(fault: string, cause?: unknown): NetworkError {
  return new NetworkError({
    code: 'HUB_ANSWER',
    what: `the hub answers as no hub does: ${fault}`,
    hint: 'Check HF_ENDPOINT, and whether a proxy answers in the place of the hub.',
    cause,
  })
}

/** A download has ended early, again and again. */
export function brokenOff(path: string, done: number, size: number, cause?: unknown): NetworkError {
  return new NetworkError({
    code: 'HUB_BROKEN_OFF',
    what: `${path} broke off at byte ${done} of ${size}`,
    hint: 'What has come is kept: the same command goes on from there.',
    cause,
  })
}

/** The bytes are not those that the repository names. */
export function wrongBytes(path: string, fault: string): NetworkError {
  return new NetworkError({
    code: 'HUB_FILE_WRONG',
    what: `${path} is not the file that the hub lists: ${fault}`,
    hint: 'Nothing of it was kept. Try again; if it stays so, something between this machine and the hub changes files.',
  })
}
