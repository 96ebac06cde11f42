/**
 * Finds names that a person could take for one another. Letters that look alike are folded as Unicode Technical
 * Standard 39 says (unhomoglyph has its table); beyond that, case, marks, spaces and signs do not count.
 */
import unhomoglyph from 'unhomoglyph'
import { type SiteLabel, siteInWords } from '../../protocols/plan/site-name.ts'

/** Scripts whose letters look like those of another script in this list. */
const SCRIPTS = ['Latin', 'Greek', 'Cyrillic', 'Armenian', 'Cherokee', 'Coptic', 'Lisu', 'Georgian'] as const
const PATTERNS = SCRIPTS.map((script) => ({ script, pattern: new RegExp(`\\p{Script=${script}}`, 'u') }))

/** A line for each pair of names that look alike, and for each name with a word of two such scripts. */
export function warnings(sites: readonly SiteLabel[]): string[] {
  const lines: string[] = []
  for (const [i, site] of sites.entries()) {
    const other = sites.slice(0, i).find((earlier) => lookAlike(earlier.site, site.site))
    if (other !== undefined)
      lines.push(`Take care: ${siteInWords(other)} and ${siteInWords(site)} look alike, and are two sites.`)
    const mixed = mixedScripts(site.site)
    if (mixed !== null) lines.push(`Take care: ${siteInWords(site)} has letters of ${mixed.join(' and ')} in one word.`)
  }
  return lines
}

/** Whether one name could be read as the other. */
export function lookAlike(a: string, b: string): boolean {
  const [of, others] = [skeletons(a), skeletons(b)]
  return of.some((skeleton, i) => skeleton === others[i])
}

/** A name folded as it is drawn, and folded as it is drawn in small letters: I looks like l, i does not. */
function skeletons(name: string): [string, string] {
  const plain = withoutMarks(name.normalize('NFKC'))
  return [bare(unhomoglyph(plain).toLowerCase()), bare(unhomoglyph(plain.toLowerCase()))]
}

function withoutMarks(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '')
}

/** The letters and digits of a text alone, if it has any. */
function bare(text: string): string {
  const kept = withoutMarks(text).replace(/[^\p{L}\p{N}]/gu, '')
  return kept === '' ? text : kept
}

function mixedScripts(name: string): string[] | null {
  for (const word of name.split(/[^\p{L}\p{M}]+/u)) {
    const found = PATTERNS.filter(({ pattern }) => pattern.test(word)).map(({ script }) => script)
    if (found.length > 1) return found
  }
  return null
}
