/** JSON with its own digest, for files whose damage must be noticed. It does not protect against forgery. */
import { createHash } from 'node:crypto'

/** Writes a value and its SHA-256 as one line. */
export function sealJson(value: object): string {
  return `${JSON.stringify({ value, digest: digestOf(value) })}\n`
}

/** The value; null if the text is not exactly what sealJson wrote. */
export function unsealJson(text: string): object | null {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof parsed !== 'object' || parsed === null || !('value' in parsed) || !('digest' in parsed)) return null
  const { value, digest } = parsed
  return typeof value === 'object' && value !== null && digest === digestOf(value) ? value : null
}

/** The digest of the JSON alone. JSON.parse keeps the order of keys. */
function digestOf(value: object): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex')
}
