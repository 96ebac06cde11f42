/** JSON with a digest of itself: files whose damage must not go unnoticed. Against a liar it is no help. */
import { createHash } from 'node:crypto'

/** One line: the value and its SHA-256. */
export function sealJson(value: object): string {
  return `${JSON.stringify({ value, digest: digestOf(value) })}\n`
}

/** The value, or null where the text is not as sealJson has written it. */
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

/** Of the JSON alone: keys keep their order in JSON.parse. */
function digestOf(value: object): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex')
}
