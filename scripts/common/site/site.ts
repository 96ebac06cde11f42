import { resolve } from 'node:path'
import { assertApart } from '../../../peers/disk/apart.ts'
import { DataDirectory } from '../../../peers/disk/data-directory.ts'
import { assertOutFree, type OutPlace } from '../../../peers/disk/out-directory.ts'
import type { PeerInit } from '../../../peers/peer.ts'
import type { PeerEvent } from '../../../peers/round/events.ts'
import type { BlockMatrices } from '../../../protocols/plan/model-words.ts'
import { type Offer, PROTOCOL_VERSION } from '../../../protocols/plan/offer.ts'
import type { SiteLabel } from '../../../protocols/plan/site-name.ts'
import { planInWords } from '../../../protocols/plan/words.ts'
import { isStructuredMethod } from '../../../src/form/method.ts'
import type { Run } from '../../command.ts'
import type { SiteOptions } from '../../options/data.ts'
import type { NetworkOptions } from '../../options/network.ts'
import type { OutputOptions } from '../../options/output.ts'
import { counted } from '../../terminal/numbers.ts'
import type { Terminal } from '../../terminal/terminal.ts'
import { DEFAULT_PARENT } from '../output-directory.ts'
import type { FoundingTalk } from './founding.ts'
import type { SiteEnd } from './site-end.ts'

/** The directories of a site, and its name. */
interface OpenSite extends AsyncDisposable {
  data: DataDirectory
  place: OutPlace
  own: SiteLabel
}

/**
 * Opens the directories of a site, before any work. @throws {OutputError} results or the data directory cannot be
 * written
 */
export async function openSite({ out, data: path, name }: SiteOptions & OutputOptions, run: Run): Promise<OpenSite> {
  // Without --out results get a directory with the federation's name.
  const place = out === null ? { parent: resolve(DEFAULT_PARENT) } : { out }
  await assertApart(path, place)
  await assertOutFree(place)
  await using opened = new AsyncDisposableStack()
  const data = opened.use(await DataDirectory.open(path))
  if (data.tightened) run.terminal.note(`${path} was open to other accounts. It is closed to them now.`)
  const own = { peer: data.signer.peerId, site: await data.siteName(name) }
  const resources = opened.move()
  return { data, place, own, [Symbol.asyncDispose]: () => resources.disposeAsync() }
}

/** The part of a peer's start that founders and joiners share. */
export function peerInit(
  { listen, announce }: NetworkOptions,
  { data, place }: OpenSite,
  { run, talk, end }: { run: Run; talk: FoundingTalk; end: SiteEnd },
): PeerInit {
  const narrate = narrator(run.terminal)
  const onEvent = (event: PeerEvent) => {
    talk.onEvent(event)
    narrate(event)
    end.hear(event)
  }
  const { agree } = talk
  return { data, place, listen, announce: announce ?? undefined, signal: run.signal, agree, onEvent }
}

/** The part of an offer that decides the computation. */
type OfferTerms = Omit<Offer, keyof typeof UNSAID>

/** The rest of an offer, which the words do not mention. */
const UNSAID = { version: PROTOCOL_VERSION, merge: 'l0', founder: new Uint8Array(), nonce: new Uint8Array() } as const

/** The plan in words and what will leave this site. @param capacity - in ppm; null: the offer's sample */
export function planText(offer: OfferTerms, capacity: number | null, matrices?: BlockMatrices): string {
  const { what, leaves } = planInWords({ ...UNSAID, ...offer }, capacity ?? offer.sample, matrices)
  return [...what, 'What will leave this site:', ...leaves.map((line) => `  ${line}`)].join('\n')
}

/** Prints a peer's rounds as lines and progress; founding.ts prints its founding. */
function narrator(terminal: Terminal): (event: PeerEvent) => void {
  let things = 'mask bits'
  return (event) => {
    switch (event.type) {
      case 'founded':
        if (isStructuredMethod(event.plan.offer.method)) things = 'heads and channels'
        return
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
