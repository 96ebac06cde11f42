/**
 * Divides texts into the windows on which each simulated site calibrates, and those kept out for evaluation. Peer i
 * takes text i mod F. Peers that share a text take windows one after the other. Windows for evaluation are at the
 * text's end.
 */
import { asSiteName, MAX_SITE_NAME } from '../../../protocols/plan/site-name.ts'
import { InputError } from '../../../src/base/errors.ts'
import { keptOut } from '../../common/site/kept-out.ts'

/** The number of whole windows of a text. */
interface TextLength {
  name: string
  windows: number
}

/** A run of consecutive windows of a text. */
interface Share {
  /** Index into the texts. */
  text: number
  from: number
  count: number
}

interface Allocation {
  /** One entry a peer. */
  sites: Share[]
  /** One entry a text; empty if other texts are evaluated. */
  kept: Share[]
}

/** The number of peers that calibrate on a text. */
export function sharers(peers: number, texts: number, text: number): number {
  return Math.ceil((peers - text) / texts)
}

/**
 * @param windows - number of windows on which each site calibrates
 * @param keep - whether the end of each text is kept out for evaluation
 * @throws {InputError} TEXT_SHORT: a text has too few windows
 */
export function allocate(peers: number, texts: readonly TextLength[], windows: number, keep: boolean): Allocation {
  const kept = keep ? keptOut(windows) : 0
  texts.forEach(({ name, windows: have }, text) => {
    const sites = sharers(peers, texts.length, text)
    const need = sites * windows + kept
    if (have >= need) return
    const why = `${sites} ${sites === 1 ? 'site' : 'sites'} of ${windows}${keep ? `, ${kept} for evaluation` : ''}`
    throw new InputError({
      code: 'TEXT_SHORT',
      what: `the text ${name} has ${have} windows, ${need} are needed: ${why}`,
      hint: 'Give longer texts, more of them, fewer --windows, or a shorter --window.',
    })
  })
  return {
    sites: Array.from({ length: peers }, (_, peer) => ({
      text: peer % texts.length,
      from: Math.floor(peer / texts.length) * windows,
      count: windows,
    })),
    kept: keep ? texts.map((text, index) => ({ text: index, from: text.windows - kept, count: kept })) : [],
  }
}

/** Room for the number behind a name: "-", and two digits for at most 64 sites. */
const NUMBER_CHARS = 3

/**
 * A name for each site: its text's name, changed where a site's name may not contain a character, and numbered if
 * several sites share the text.
 */
export function siteNames(peers: number, texts: readonly string[]): string[] {
  return Array.from({ length: peers }, (_, peer) => {
    const name = asSiteName(texts[peer % texts.length], MAX_SITE_NAME - NUMBER_CHARS)
    const turn = Math.floor(peer / texts.length) + 1
    return peers > texts.length ? `${name}-${turn}` : name
  })
}
