/**
 * Masked federations of real peers of which one cheats: a key, a sheet, a reveal or a vector that it has made is
 * changed before it is stored and committed, or it signs one message more than it may.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { identityFromSeed } from '../../../../peers/disk/identity.ts'
import { BlobStore } from '../../../../peers/disk/store.ts'
import { MemberSums } from '../../../../peers/masked/member-sums.ts'
import type { SheetReader } from '../../../../peers/masked/reader.ts'
import type { PeerNode } from '../../../../peers/network/node.ts'
import type { PeerResult } from '../../../../peers/peer.ts'
import type { Offer } from '../../../../protocols/plan/offer.ts'
import { type Phase, phaseOf } from '../../../../protocols/round/masked/phases.ts'
import {
  type BindingBody,
  decodeEnvelope,
  encodeEnvelope,
  isBinding,
  makeEnvelope,
} from '../../../../protocols/round/messages/messages.ts'
import type { Federation, ManifestEntry } from '../../../../protocols/round/messages/value.ts'
import { compareBytes } from '../../../../protocols/wire/encoding.ts'
import { type Signer, signerOf } from '../../../../protocols/wire/signing.ts'
import { type Running, startFederation } from '../../../support/federations.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { HurriedClock } from './hurried-clock.ts'
import { PooledMatrices } from './pooled-matrices.ts'

export const MEMBERS = 4
/** The place of the cheat in the roster: it proposes the list. */
export const LIAR = 2
/** Another member. */
export const VICTIM = 0

export const HONEST = Array.from({ length: MEMBERS }, (_, member) => member).filter((member) => member !== LIAR)

/** The things that a cheat has at hand when it shows something. */
export interface Hand {
  /** Its own, as it should be shown. */
  bytes: Uint8Array
  /** With its private key, once there are keys. */
  reader(): Promise<SheetReader>
  /** The bytes that the victim shows in the same round. */
  victims(): Promise<Uint8Array>
  /** Rejects when the cheat is stopped: for one that shows nothing. */
  stopped: Promise<never>
}

export interface Cheat {
  /** Shown in place of its own. */
  shows?(phase: Phase, hand: Hand): Uint8Array | Promise<Uint8Array>
  /** A body that it signs before this one goes out; null: nothing more. @param store - its own */
  signs?(body: BindingBody, store: BlobStore): Promise<BindingBody | null>
  /** The work of the cheat, and of the victim. */
  Work?: typeof PooledMatrices
  VictimWork?: typeof PooledMatrices
}

export interface Scene {
  running: Running
  clock: HurriedClock
  /** The results of all but the cheat; rejects where one of them fails. */
  honest: Promise<PeerResult>[]
  /** The notes of the honest. */
  notes(): string[]
  /** Resolves when some members hold so many valid contributions of a round. @param members - default: the honest */
  hold(round: number, count: number, members?: readonly number[]): Promise<void>
  /** Ends the cheat, however it fares. */
  stopLiar(): Promise<void>
}

/** The numbers of sites in the roster's order, and their signers: the roster is sorted by peer ids. */
export const ROSTER: { site: number; signer: Signer }[] = await Promise.all(
  Array.from({ length: MEMBERS }, async (_, site) => {
    return { site, signer: signerOf((await identityFromSeed('federation', site)).raw) }
  }),
).then((all) => all.sort((a, b) => compareBytes(a.signer.peerId, b.signer.peerId)))

export async function startWithCheat(context: TestContext, cheat: Cheat, offer: Partial<Offer> = {}): Promise<Scene> {
  const root = await temporaryDirectory(context)
  const clock = new HurriedClock()
  const [liar, victim] = [ROSTER[LIAR].site, ROSTER[VICTIM].site]
  const stopped = Promise.withResolvers<never>()
  stopped.promise.catch(() => undefined)
  if (cheat.shows !== undefined) changeShown(context, cheat.shows, stopped.promise)
  const storeOf = capturedStores(context)
  const over = new Set<number>()
  const holdings = new Holdings()
  const running = await startFederation(context, {
    ...{ members: MEMBERS, topology: 'mesh', clock },
    offer: { merge: 'pooled', masked: true, rounds: 1, ...offer },
    work(site) {
      const Work = (site === liar && cheat.Work) || (site === victim && cheat.VictimWork) || PooledMatrices
      return new Work({ text: site, members: MEMBERS, masked: true, scratch: join(root, String(site)) })
    },
    onEvent(site, event) {
      if (event.type === 'contributions') holdings.set(site, event)
      // From here on they only serve each other; the cheat may have fallen over its own lie.
      const isOver =
        event.type === 'serving' || (event.type === 'warning' && event.text.startsWith('stays for the others'))
      if (isOver && over.add(site).size >= MEMBERS - 1) clock.hurry()
    },
    onNode(node, site) {
      if (site === liar && cheat.signs !== undefined) signMore(node, cheat.signs, () => storeOf(running, liar))
    },
  })
  const honest = HONEST.map((member) => running.peers[ROSTER[member].site])
  for (const peer of running.peers) peer.catch(() => undefined)
  return {
    running,
    clock,
    honest,
    notes: () =>
      running.events.flatMap((events, site) =>
        site === liar
          ? []
          : events.flatMap((event) => (event.type === 'note' || event.type === 'warning' ? event.text : [])),
      ),
    async hold(round, count, members = HONEST) {
      for (const member of members) await holdings.reached(ROSTER[member].site, round, count)
    },
    async stopLiar() {
      stopped.reject(new Error('stopped'))
      await running.stop(liar)
    },
  }
}

/** How many contributions of a round each site has found valid. */
class Holdings {
  private readonly most = new Map<string, PromiseWithResolvers<void>>()

  set(site: number, { round, valid }: { round: number; valid: number }): void {
    for (let count = 1; count <= valid; count++) this.at(site, round, count).resolve()
  }

  reached(site: number, round: number, count: number): Promise<void> {
    return this.at(site, round, count).promise
  }

  private at(...place: number[]): PromiseWithResolvers<void> {
    const key = place.join('/')
    const known = this.most.get(key) ?? Promise.withResolvers<void>()
    this.most.set(key, known)
    return known
  }
}

/** The parts of MemberSums that a cheat looks into. */
interface Inside {
  init: { self: number; federation: Federation }
  reader(entries: readonly ManifestEntry[]): Promise<SheetReader>
}

/** Changes what the cheat makes. */
function changeShown(context: TestContext, shows: NonNullable<Cheat['shows']>, stopped: Promise<never>): void {
  const { make } = MemberSums.prototype
  const victims = new Map<Phase, PromiseWithResolvers<Uint8Array>>()
  const victimsOf = (phase: Phase) => {
    const shown = victims.get(phase) ?? Promise.withResolvers<Uint8Array>()
    victims.set(phase, shown)
    return shown
  }
  context.mock.method(
    MemberSums.prototype,
    'make',
    async function (this: MemberSums, ...[round, entries]: Parameters<typeof make>) {
      const inside = this as unknown as Inside
      const { federation, self } = inside.init
      const phase = phaseOf(federation, round)
      const bytes = await make.call(this, round, entries)
      if (self === VICTIM) victimsOf(phase).resolve(bytes)
      if (self !== LIAR) return bytes
      const reader = () => inside.reader(entries)
      return shows(phase, { bytes, reader, victims: () => victimsOf(phase).promise, stopped })
    },
  )
}

/** Finds the store of a site among those that were written to. */
function capturedStores(context: TestContext): (running: Running, site: number) => BlobStore {
  const stores = new Set<BlobStore>()
  const { put } = BlobStore.prototype
  context.mock.method(BlobStore.prototype, 'put', function (this: BlobStore, bytes: Uint8Array) {
    stores.add(this)
    return put.call(this, bytes)
  })
  return ({ root }, site) => {
    const store = [...stores].find(({ directory }) => directory.startsWith(join(root, String(site))))
    assert.ok(store, `site ${site} has stored nothing`)
    return store
  }
}

/** Sends one more message before some of those that the cheat publishes. */
function signMore(node: PeerNode, signs: NonNullable<Cheat['signs']>, store: () => BlobStore): void {
  const publish = node.publish.bind(node)
  node.publish = async (bytes, isWide) => {
    const { body, from, plan } = decodeEnvelope(bytes)
    const more = from === LIAR && isBinding(body) ? await signs(body, store()) : null
    if (more !== null) await publish(encodeEnvelope(makeEnvelope(ROSTER[LIAR].signer, plan, LIAR, more)), true)
    await publish(bytes, isWide)
  }
}
