import { resolve } from 'node:path'
import { assertApart } from '../../../peers/disk/apart.ts'
import { DataDirectory } from '../../../peers/disk/data-directory.ts'
import { assertOutFree, type OutPlace } from '../../../peers/disk/out-directory.ts'
import type { KeptFederation } from '../../../peers/kept/federation.ts'
import type { PeerInit, PeerResult } from '../../../peers/peer.ts'
import type { PeerEvent } from '../../../peers/round/events.ts'
import { federationOf } from '../../../peers/round/federation.ts'
import type { BaseFacts } from '../../../protocols/plan/model-words.ts'
import { type Offer, PROTOCOL_VERSION } from '../../../protocols/plan/offer.ts'
import type { Plan } from '../../../protocols/plan/plan.ts'
import { type SiteLabel, siteInWords } from '../../../protocols/plan/site-name.ts'
import { planInWords } from '../../../protocols/plan/words.ts'
import { id8 } from '../../../protocols/wire/encoding.ts'
import { isStructuredMethod } from '../../../src/form/method.ts'
import type { Run } from '../../command.ts'
import type { SiteOptions } from '../../options/data.ts'
import type { OutputOptions } from '../../options/output.ts'
import { counted } from '../../terminal/numbers.ts'
import type { Terminal } from '../../terminal/terminal.ts'
import { DEFAULT_PARENT } from '../output-directory.ts'
import type { FoundingTalk } from './founding.ts'
import type { SiteEnd } from './site-end.ts'
import { type SiteCommand, siteNote, type Terms } from './site-note.ts'

/** The directories of a site, and its name. */
export interface OpenSite extends AsyncDisposable {
  data: DataDirectory
  place: OutPlace
  own: SiteLabel
  /** The kept federation with which it goes on; null: none. */
  kept: KeptFederation | null
}

/**
 * Opens the directories of a site, before any work.
 * @param find - the federation to go on with, among those of the data directory
 * @throws {OutputError} results or the data directory cannot be written
 */
export async function openSite(
  { out, data: path, name }: SiteOptions & OutputOptions,
  run: Run,
  find: (data: string) => Promise<KeptFederation | null>,
): Promise<OpenSite> {
  const kept = await find(path)
  const place = placeOf(out, kept)
  await assertApart(path, place)
  await assertOutFree(place)
  await using opened = new AsyncDisposableStack()
  const data = opened.use(await DataDirectory.open(path))
  if (data.tightened) run.terminal.note(`${path} was open to other accounts. It is closed to them now.`)
  const own = { peer: data.signer.peerId, site: await data.siteName(name) }
  const resources = opened.move()
  return { data, place, own, kept, [Symbol.asyncDispose]: () => resources.disposeAsync() }
}

/** Without --out results get a directory with the federation's name, and keep to it. */
function placeOf(out: string | null, kept: KeptFederation | null): OutPlace {
  const before = kept?.facts.out ?? null
  if (kept !== null && before !== null && (out === null || out === before))
    return { out: before, kept: kept.signed.plan.id }
  return out === null ? { parent: resolve(DEFAULT_PARENT) } : { out }
}

interface PeerParts {
  run: Run
  /** null: nothing is founded. */
  talk: FoundingTalk | null
  end: SiteEnd
  /** The terms of a founder's command; null: this site has joined. */
  terms: Terms | null
}

/** The part of a peer's start that founders and joiners share. */
export function peerInit(
  command: SiteCommand,
  { data, place }: OpenSite,
  { run, talk, end, terms }: PeerParts,
): PeerInit {
  const { listen, announce } = command
  const narrate = narrator(run.terminal)
  const onEvent = (event: PeerEvent) => {
    talk?.onEvent(event)
    narrate(event)
    end.hear(event)
  }
  const agree = talk?.agree ?? null
  const note = siteNote(command, terms)
  const conclude = (result: PeerResult) => end.conclude(result)
  return { data, note, place, listen, announce: announce ?? undefined, signal: run.signal, agree, onEvent, conclude }
}

/** The part of an offer that decides the computation. */
type OfferTerms = Omit<Offer, keyof typeof UNSAID>

/** The rest of an offer, which the words do not mention. */
const UNSAID = { version: PROTOCOL_VERSION, founder: new Uint8Array(), nonce: new Uint8Array() } as const

/** The plan in words and what will leave this site. @param capacity - in ppm; null: the offer's sample */
export function planText(offer: OfferTerms, capacity: number | null, base?: BaseFacts): string {
  const { what, leaves } = planInWords({ ...UNSAID, ...offer }, capacity ?? offer.sample, base)
  return [...what, 'What will leave this site:', ...leaves.map((line) => `  ${line}`)].join('\n')
}

function lackInWords({ block, certificate, id }: PeerEvent & { type: 'lacks' }, author: SiteLabel): string {
  const what = `The contribution ${id.slice(0, 8)} of ${siteInWords(author)} to block ${block}`
  return (
    `${what} is damaged or gone here. Every member that has certificate ${certificate.slice(0, 8)} can give it: ` +
    'this site asks all that it reaches, and goes on when one answers.'
  )
}

function thingsOf({ offer: { method } }: Plan): string {
  return isStructuredMethod(method) ? 'heads and channels' : 'masks'
}

/** Prints a peer's rounds as lines and progress; founding.ts prints its founding. */
function narrator(terminal: Terminal): (event: PeerEvent) => void {
  let things = 'mask bits'
  let sites: readonly SiteLabel[] = []
  let lacked = 0
  return (event) => {
    switch (event.type) {
      case 'goingOn': {
        const { rounds } = federationOf(event.plan)
        terminal.note(`Federation ${id8(event.plan.id)}, round ${event.round} of ${rounds}: going on`)
        things = thingsOf(event.plan)
        sites = event.plan.members
        return
      }
      case 'founded':
        things = thingsOf(event.plan)
        return
      case 'abstains':
        terminal.note(`The journal of what this site has signed is not whole: ${event.refused}.`)
        return terminal.note(
          `It signs nothing in rounds up to ${event.until}, in which it may have signed before; the others decide them.`,
        )
      case 'lacks':
        lacked++
        if (lacked > 1) return terminal.progress('Fetching contributions that are damaged or gone here')
        return terminal.note(lackInWords(event, sites[event.author]))
      case 'prune':
        return terminal.progress(`Round ${event.round}: pruning`, event.done, event.total)
      case 'contributions':
        return terminal.progress(`Round ${event.round}: contributions`, event.valid, event.known)
      case 'step':
        if (event.step === 'prevote' || event.step === 'precommit') terminal.progress(`Round ${event.round}: voting`)
        return
      case 'round': {
        const { round, contributions, moved, bits, certificate } = event.round
        const share = `${((100 * moved) / bits).toFixed(1)} % of the ${things} changed since the last round, `
        const merged = `${counted(contributions, 'contribution')} merged, ${round > 1 ? share : ''}`
        return terminal.note(`Round ${round}: ${merged}certificate ${certificate.slice(0, 8)}`)
      }
      case 'writing':
        return terminal.progress('Writing the model')
      case 'serving':
        return terminal.progress('Serving the others until they are done')
    }
  }
}
