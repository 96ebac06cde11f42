import { resolve } from 'node:path'
import { assertApart } from '../../../peers/disk/apart.ts'
import { DataDirectory } from '../../../peers/disk/data-directory.ts'
import { assertOutFree, type OutPlace } from '../../../peers/disk/out-directory.ts'
import type { KeptFederation } from '../../../peers/kept/federation.ts'
import type { PeerInit, PeerResult } from '../../../peers/peer.ts'
import type { PeerEvent } from '../../../peers/round/events.ts'
import type { BaseFacts } from '../../../protocols/plan/model-words.ts'
import { type Offer, PROTOCOL_VERSION } from '../../../protocols/plan/offer.ts'
import type { SiteLabel } from '../../../protocols/plan/site-name.ts'
import { planInWords } from '../../../protocols/plan/words.ts'
import type { Run } from '../../command.ts'
import type { SiteWatch } from '../../live/site-watch.ts'
import type { Watch } from '../../operate/watched.ts'
import type { SiteOptions } from '../../options/data.ts'
import type { OutputOptions } from '../../options/output.ts'
import { DEFAULT_PARENT } from '../output-directory.ts'
import type { FoundingTalk } from './founding.ts'
import { narrator } from './narrator.ts'
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
  /** Events as lines, a log, metrics. */
  watch: Watch
  page: SiteWatch
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
  { run, watch, page, talk, end, terms }: PeerParts,
): PeerInit {
  const { listen, announce, proxy } = command
  const narrate = narrator(run.terminal)
  const onEvent = (event: PeerEvent) => {
    talk?.onEvent(event)
    narrate(event)
    end.hear(event)
    page.hear(event)
    run.onPeerEvent?.(event)
    watch.hear?.(event)
  }
  const agree = talk?.agree ?? null
  const note = siteNote(command, terms)
  const conclude = (result: PeerResult) => end.conclude(result)
  const aside = () => ({ peakMemoryBytes: end.peakMemoryBytes, progress: run.terminal.work.forecast() })
  return {
    data,
    note,
    place,
    aside,
    listen,
    announce: announce ?? undefined,
    proxy: proxy === null ? undefined : new URL(proxy),
    signal: run.signal,
    agree,
    onEvent,
    conclude,
    ...watch.init,
  }
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
