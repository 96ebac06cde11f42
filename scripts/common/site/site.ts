import { join, resolve } from 'node:path'
import { assertApart } from '../../../peers/disk/apart.ts'
import { DataDirectory } from '../../../peers/disk/data-directory.ts'
import { assertOutFree, type OutPlace } from '../../../peers/disk/out-directory.ts'
import type { PeerInit, PeerResult } from '../../../peers/peer.ts'
import type { PeerEvent } from '../../../peers/round/events.ts'
import type { EngineWork, EngineWorkInit } from '../../../peers/work/engine-work.ts'
import type { BlockMatrices } from '../../../protocols/plan/model-words.ts'
import { type Offer, PROTOCOL_VERSION } from '../../../protocols/plan/offer.ts'
import type { SiteLabel } from '../../../protocols/plan/site-name.ts'
import { planInWords } from '../../../protocols/plan/words.ts'
import { ppmToFraction } from '../../../src/base/decimal.ts'
import { isStructuredMethod, type Method } from '../../../src/form/block-form.ts'
import type { ModelDescription, TokenWindows } from '../../../src/jobs/jobs.ts'
import { filesSource } from '../../../src/model/text/text.ts'
import type { SiteOptions } from '../../options/data.ts'
import type { NetworkOptions } from '../../options/network.ts'
import type { OutputOptions } from '../../options/output.ts'
import type { TextOptions } from '../../options/site.ts'
import type { Run } from '../../program.ts'
import type { MemberReport } from '../../report/federation.ts'
import { type SiteMeasures, siteInWords, siteReport } from '../../report/site-report.ts'
import { counted } from '../../terminal/numbers.ts'
import type { Terminal } from '../../terminal/terminal.ts'
import { outcomeInWords, outcomeOf } from '../block-matrices.ts'
import { assertRuns, describe, labelled, type Work } from '../engine.ts'
import { DEFAULT_PARENT, writeReport } from '../output-directory.ts'
import { anyWindow, firstWindows, tokenise } from '../texts.ts'
import type { FoundingTalk } from './founding.ts'
import type { SiteEnd } from './site-end.ts'

export interface SiteModel {
  dir: string
  description: ModelDescription
  /** SHA-256. */
  hash: Uint8Array
}

/** A base model, before anything is made of it. @throws {InputError} MODEL_REFUSED_BY_RUNTIME, and as Decoder.open does */
export async function readModel(work: Work, dir: string): Promise<SiteModel> {
  const description = await describe(work, dir)
  // At the same time: one is a process of ONNX Runtime, the other reads files.
  const [hash] = await Promise.all([labelled(work, 'Hashing the model', 'hash', { dir }), assertRuns(work, dir)])
  return { dir, description, hash }
}

/** What a site's work must know of the model, once it can be cut. @throws {InputError} STRUCTURE_LOCKED, SLICE_UNKNOWN; {UsageError} NOTHING_REMOVED */
export function structuredOf(work: Work, dir: string, method: Method): Promise<EngineWorkInit['structured']> {
  if (!isStructuredMethod(method)) return Promise.resolve(null)
  const { from, to, ppm } = method.target
  return labelled(work, 'Looking for structures', 'structuredForms', { dir, from, to, ratio: ppmToFraction(ppm) })
}

/** All files of a site are one text. Without any, which magnitude allows, a sentence that says nothing of the site. */
export async function calibration(
  work: Work,
  dir: string,
  { texts, separator }: TextOptions,
  windows: number,
  window: number,
): Promise<TokenWindows> {
  if (texts.length === 0) return anyWindow(work, dir)
  const source = filesSource(texts)
  return firstWindows(await tokenise(work, { dir, source, separator, window, wanted: windows * window }), windows)
}

/** The directories of a site, and its name. */
export interface OpenSite extends AsyncDisposable {
  data: DataDirectory
  place: OutPlace
  own: SiteLabel
}

/** Before any work. @throws {OutputError} what stands in the way of results or of the data directory */
export async function openSite({ out, data: path, name }: SiteOptions & OutputOptions, run: Run): Promise<OpenSite> {
  // Without --out results get a directory of the federation's name.
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

/** What a peer is started with, whoever founds. */
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

/** What of an offer decides what is computed. */
export type OfferTerms = Omit<Offer, keyof typeof UNSAID>

/** The rest of it, which no words are made of. */
const UNSAID = { version: PROTOCOL_VERSION, merge: 'l0', founder: new Uint8Array(), nonce: new Uint8Array() } as const

/** The plan in words and what will leave this site. @param capacity - in ppm; null: the offer's sample */
export function planText(offer: OfferTerms, capacity: number | null, matrices?: BlockMatrices): string {
  const { what, leaves } = planInWords({ ...UNSAID, ...offer }, capacity ?? offer.sample, matrices)
  return [...what, 'What will leave this site:', ...leaves.map((line) => `  ${line}`)].join('\n')
}

/** Turns what a peer tells of its rounds into lines and progress; of its founding work/founding.ts tells. */
export function narrator(terminal: Terminal): (event: PeerEvent) => void {
  let things = 'masks'
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
        const change = ((100 * moved) / bits).toFixed(1)
        const merged = `${counted(contributions, 'contribution')} merged, ${change} % of the ${things} moved`
        return terminal.note(`Round ${round}: ${merged}, certificate ${certificate.slice(0, 8)}`)
      }
      case 'writing':
        return terminal.progress('Writing the model')
      case 'serving':
        return terminal.progress('Serving the others until they are done')
    }
  }
}

/** Writes report.json and says where everything is. */
export async function conclude(
  { terminal }: Run,
  outcome: PeerResult,
  base: string | null,
  { description, method, written }: EngineWork,
  measures: SiteMeasures,
): Promise<MemberReport> {
  const { planId, peerId, root, certificates, rounds, out } = outcome
  if (written === undefined) throw new Error('a federation ended without a model')
  const result = outcomeOf(description, method, { last: rounds[rounds.length - 1], written: written.zeros })
  const site = siteReport(outcome, measures)
  const report: MemberReport = { federation: planId, peer: peerId, root, certificates, ...result, out, ...site }
  await writeReport(out, report)
  const verify = `npx --no-install coppice verify ${out}${base === null ? '' : ` --model ${base}`}`
  const lines = [
    ...siteInWords(site, measures.notes),
    `root ${root}`,
    outcomeInWords(result, isStructuredMethod(method)),
    `Model: ${join(out, 'model')}`,
    `Verify: ${verify}`,
  ]
  terminal.say(lines.join('\n'))
  return report
}
