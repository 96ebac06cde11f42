/**
 * The name that a site gives itself, in any script. It comes from another site, and a person decides by it. So a name
 * is short, has one spelling (NFC), and contains nothing that cannot be seen or that moves the text beside it. It
 * proves nothing: wherever it is shown, the peer id stands beside it.
 */
import { peerIdFromMultihash } from '@libp2p/peer-id'
import * as Digest from 'multiformats/hashes/digest'
import { z } from 'zod'

/** The longest name in UTF-16 units: 120 bytes of UTF-8 at most. A name is a label in a table. */
export const MAX_SITE_NAME = 40
/**
 * The most marks on one letter. The scripts that stack most, such as Tibetan, need four. More would cover the lines
 * around.
 */
const MAX_MARKS = 4
/**
 * The number of characters of a peer id shown beside a name. All ids begin with the same 8 characters; 8 more are 46
 * bits.
 */
export const SHOWN_ID = 16

/**
 * Characters that are allowed: letters, marks, digits, punctuation, symbols, and a space. Controls and format
 * characters, such as U+202E, are not.
 */
const ALLOWED = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u
/**
 * Characters among the allowed ones that show nothing (fillers, variation selectors, blank patterns), and the sign for
 * a broken character.
 */
const UNSEEN = /^[\p{Default_Ignorable_Code_Point}\u2800\ufffc\ufffd]$/u
const TOO_MANY_MARKS = new RegExp(`[\\p{Mn}\\p{Me}]{${MAX_MARKS + 1}}`, 'u')
/** Right-to-left blocks of Unicode. */
const RIGHT_TO_LEFT = /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u
/** First strong isolate, and its end: the text between them does not reorder the text outside. */
const ISOLATE = ['\u2068', '\u2069'] as const

/** The reason why a text is not a name, in words: "is ..." or "has ..."; null if it is one. */
export function siteNameFault(name: string): string | null {
  if (name === '') return 'is empty'
  if (name.length > MAX_SITE_NAME) return `has ${name.length} UTF-16 units, more than ${MAX_SITE_NAME}`
  const strange = [...name].find((character) => !isShown(character))
  if (strange !== undefined) return `has ${codePoint(strange)}, which is not shown or moves other text`
  if (name !== name.normalize('NFC')) return 'is not in the normal form NFC'
  if (name !== name.trim() || name.includes('  ')) return 'has spaces at an end or side by side'
  if (/^\p{M}/u.test(name) || TOO_MANY_MARKS.test(name))
    return `has more than ${MAX_MARKS} marks on a letter, or one on none`
  if (!/[\p{L}\p{N}]/u.test(name)) return 'has neither a letter nor a digit'
  if (/12d3koo/i.test(name)) return 'has the beginning of a peer id'
  return null
}

/**
 * Any text as a name: characters that are not allowed become "_", and a text that is too long is cut between letters. A
 * text of which no name is left becomes "site".
 */
export function asSiteName(text: string, most = MAX_SITE_NAME): string {
  const safe = [...text.normalize('NFC')].map((character) => (isShown(character) ? character : '_')).join('')
  let name = ''
  for (const { segment } of new Intl.Segmenter().segment(safe.trim().replace(/ {2,}/g, ' '))) {
    if (name.length + segment.length > most) break
    name += segment
  }
  return siteNameFault(name.trim()) === null ? name.trim() : 'site'
}

export const siteNameSchema: z.ZodType<string> = z
  .string()
  .max(MAX_SITE_NAME)
  .refine((name) => siteNameFault(name) === null, 'is no name of a site')

/**
 * A text of another site for a terminal, on one line. Characters that would not be seen are written as their code
 * points, and text that runs from right to left does not move the text around it.
 */
export function shown(text: string): string {
  const safe = [...text].map((character) => (isShown(character) ? character : `\\u{${hex(character)}}`)).join('')
  return RIGHT_TO_LEFT.test(safe) ? safe.replace(/^.*$/su, `${ISOLATE[0]}$&${ISOLATE[1]}`) : safe
}

/** The facts about a site that messages show. */
export interface SiteLabel {
  /** The peer id as multihash bytes. */
  peer: Uint8Array
  site: string
}

/** A site in words: "North clinic (12D3KooWBF45uaTQ...)". */
export function siteInWords({ peer, site }: SiteLabel): string {
  return `${shown(site)} (${peerIdText(peer).slice(0, SHOWN_ID)}...)`
}

/**
 * The peer id as text. @param peer - multihash bytes of an Ed25519 key
 * @throws {RangeError} not the peer id of an Ed25519 key
 */
export function peerIdText(peer: Uint8Array): string {
  const digest = Digest.decode(peer)
  if (digest.code !== 0) throw new RangeError('not the peer id of an Ed25519 key')
  return peerIdFromMultihash(digest).toString()
}

function isShown(character: string): boolean {
  return ALLOWED.test(character) && !UNSEEN.test(character)
}

function codePoint(character: string): string {
  return `U+${hex(character).toUpperCase().padStart(4, '0')}`
}

function hex(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16)
}
