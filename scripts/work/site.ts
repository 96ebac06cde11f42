/** What `peer` and `join` have in common: reading model and text, telling what goes on, and the end. */
import { randomBytes } from 'node:crypto'
import { basename, join, resolve } from 'node:path'
import { DATA_NAME, type Place } from '../../peers/directories.ts'
import type { EngineWorkInit } from '../../peers/engine-work.ts'
import type { PeerEvent } from '../../peers/events.ts'
import type { PeerInit, PeerResult } from '../../peers/peer.ts'
import { type Offer, PROTOCOL_VERSION } from '../../protocols/offer.ts'
import { planInWords } from '../../protocols/words.ts'
import type { ModelDescription, TokenWindows } from '../../src/engine/jobs.ts'
import { isStructuredMethod, type Method } from '../../src/merge/form.ts'
import type { NetworkOptions } from '../options/network.ts'
import type { OutputOptions } from '../options/output.ts'
import type { TextOptions } from '../options/site.ts'
import { DEFAULT_PARENT, writeReport } from '../output-directory.ts'
import type { Run } from '../program.ts'
import type { MemberReport } from '../report/federation.ts'
import { counted } from '../terminal/numbers.ts'
import type { Terminal } from '../terminal/terminal.ts'
import { assertRuns, describe, labelled, type Work } from './engine.ts'
import { anyWindow, firstWindows, tokenise } from './texts.ts'

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

/** What a site's work must know of the model, once it can be cut. @throws {InputError} STRUCTURE_LOCKED, SLICE_UNKNOWN */
export function structuredOf(work: Work, dir: string, method: Method): Promise<EngineWorkInit['structured']> {
  if (!isStructuredMethod(method)) return Promise.resolve(null)
  const { from, to } = method.target
  return labelled(work, 'Looking for structures', 'structuredForms', { dir, from, to })
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
  const source = { name: texts.map((path) => basename(path)).join(', '), files: texts }
  return firstWindows(await tokenise(work, { dir, source, separator, window, wanted: windows * window }), windows)
}

/** For tables of others. Neither the machine's name nor the file's: those say more than a site may want to. */
export function siteName(): string {
  return `site-${randomBytes(2).toString('hex')}`
}

export interface PlaceOptions extends OutputOptions {
  /** Absolute; null: OUT/data. */
  data: string | null
}

/** Without --out results get a directory of the federation's name, wherever --data is. */
export function placeOf({ out, data }: PlaceOptions): Place {
  if (out === null) return { parent: resolve(DEFAULT_PARENT), data: data ?? undefined }
  return { out, data: data ?? join(out, DATA_NAME) }
}

/** What a peer is started with, whoever founds. */
export function peerInit(
  options: PlaceOptions & NetworkOptions,
  { signal }: Run,
  onEvent: (event: PeerEvent) => void,
): PeerInit {
  const { listen, announce } = options
  return { place: placeOf(options), listen, announce: announce ?? undefined, signal, onEvent }
}

/** What of an offer decides what is computed. */
export type OfferTerms = Omit<Offer, keyof typeof UNSAID>

/** The rest of it, which no words are made of. */
const UNSAID = { version: PROTOCOL_VERSION, merge: 'l0', founder: new Uint8Array(), nonce: new Uint8Array() } as const

/** The plan in words and what will leave this site. @param capacity - in ppm; null: the offer's sample */
export function planText(offer: OfferTerms, capacity: number | null): string {
  const { what, leaves } = planInWords({ ...UNSAID, ...offer }, capacity ?? offer.sample)
  return [...what, 'What will leave this site:', ...leaves.map((line) => `  ${line}`)].join('\n')
}

/** Turns what a peer tells into lines and progress. */
export function narrator(terminal: Terminal): (event: PeerEvent) => void {
  let things = 'masks'
  return (event) => {
    switch (event.type) {
      case 'invitation':
        return terminal.say(`npx coppice join ${event.line}`)
      case 'waiting':
        return terminal.say(`${event.joined} of ${event.members} members`)
      case 'founded':
        if (isStructuredMethod(event.plan.offer.method)) things = 'heads and channels'
        return terminal.note(`All have signed. Federation ${event.planId}`)
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
export async function conclude({ terminal }: Run, result: PeerResult, base: string | null): Promise<MemberReport> {
  const { planId, peerId, root, certificates, out } = result
  const report: MemberReport = { federation: planId, peer: peerId, root, certificates, out }
  await writeReport(out, report)
  const verify = `npx coppice verify ${out}${base === null ? '' : ` --model ${base}`}`
  terminal.say([`root ${root}`, `Model: ${join(out, 'model')}`, `Verify: ${verify}`].join('\n'))
  return report
}
