/** The variables that Hugging Face's tools read, as far as they are read here. */
import { HUB_URL } from '@huggingface/hub'
import { UsageError } from '../../src/base/errors.ts'

/** The address of the hub, without a slash at its end. @throws {UsageError} HUB_ENDPOINT */
export function endpointOf({ HF_ENDPOINT: given }: NodeJS.ProcessEnv): string {
  if (!given) return HUB_URL
  const address = URL.parse(given)
  const extras = address && [address.username, address.password, address.search, address.hash]
  if (address === null || extras?.join('') !== '' || !/^https?:$/.test(address.protocol)) {
    throw new UsageError({
      code: 'HUB_ENDPOINT',
      what: 'HF_ENDPOINT is no address of a hub: https:// or http://, a host and perhaps a path',
      hint: 'Unset HF_ENDPOINT, or give it the address of a mirror of the hub.',
    })
  }
  return given.replace(/\/+$/, '')
}

/** The token; null: none. A refusal does not show it. @throws {UsageError} HUB_TOKEN */
export function tokenOf({ HF_TOKEN: given = '' }: NodeJS.ProcessEnv): string | null {
  const token = given.trim() // a file that it was read from ends with a line feed
  if (/^[\x21-\x7e]*$/.test(token)) return token || null
  throw new UsageError({
    code: 'HUB_TOKEN',
    what: 'HF_TOKEN has characters that no token has',
    hint: 'Set HF_TOKEN to the token alone, or unset it.',
  })
}

/** A variable is on as it is for Python's tools. */
export function isOn(value: string | undefined): boolean {
  return /^(1|on|yes|true)$/i.test(value ?? '')
}
