/**
 * A running peer, from its key to the written model.
 *
 * @example
 * await using data = await DataDirectory.open('/home/north/.local/state/coppice')
 * const founder = await found({ data, place, offer, site: 'north', capacity, work, agree: null, signal, onEvent })
 * const member = await join({ data, place, invitation, prepare: async (offer) => site, agree: null, signal, onEvent })
 * const back = await resume({ data, place, kept, work: async (directory) => work, agree: null, signal, onEvent })
 * // all: { planId, peerId, root, certificates, rounds, traffic, payloadBytes, contributions, members, out }
 */
import { randomBytes } from 'node:crypto'
import { multiaddr } from '@multiformats/multiaddr'
import {
  FOUNDING_PROTOCOL,
  fetchOffer,
  foundingRelay,
  foundingServer,
  joinFounding,
  MAX_ADDRESSES,
  MAX_FOUNDING_STREAMS,
} from '../protocols/founding/index.ts'
import { SECRET_BYTES } from '../protocols/plan/acceptance.ts'
import { formatInvitation } from '../protocols/plan/invitation.ts'
import { makeOffer, NONCE_BYTES } from '../protocols/plan/offer.ts'
import { acceptanceOf, signing } from './founding/signing.ts'
import { Upstream } from './founding/upstream.ts'
import type { FoundInit, JoinInit, PeerResult, ResumeInit } from './init.ts'
import type { KeptFederation } from './kept/federation.ts'
import { live } from './life.ts'

/** Founds a federation and takes part in it. @throws {CoppiceError} as the exit codes say; the signal's reason */
export function found(init: FoundInit): Promise<PeerResult> {
  return live(init, { members: init.offer.members, port: null }, async (peer) => {
    const { clock, node, signer } = peer
    const secret = init.secret ?? new Uint8Array(randomBytes(SECRET_BYTES))
    const nonce = init.nonce ?? new Uint8Array(randomBytes(NONCE_BYTES))
    const offer = makeOffer({ ...init.offer, founder: signer.peerId, nonce })
    const own = acceptanceOf(signer, offer, secret, init)
    const addresses = node.printableAddresses().slice(0, MAX_ADDRESSES)
    const kept = Promise.withResolvers<KeptFederation>()
    const server = foundingServer({
      offer,
      secret,
      own,
      addresses,
      ...signing(init, peer),
      keep: (founded) => peer.keep(founded).then(kept.resolve),
      clock,
    })
    await node.handle(FOUNDING_PROTOCOL, server.handle, MAX_FOUNDING_STREAMS)
    peer.tell({ type: 'listening', addresses })
    const [address] = addresses
    if (address !== undefined) {
      peer.tell({ type: 'invitation', line: formatInvitation({ address, offer: offer.hash, secret }) })
    }
    peer.tell({ type: 'waiting', sites: [{ peer: own.peer, site: own.site }], members: offer.offer.members })
    await server.founded(init.signal)
    return { kept: await kept.promise, goesOn: false, work: init.work, upstream: null }
  })
}

/** Joins the federation of an invitation. @throws {CoppiceError} as the exit codes say; the signal's reason */
export function join(init: JoinInit): Promise<PeerResult> {
  // How many members there are is known with the offer; connection limits have a floor that is enough until then.
  return live(init, { members: 0, port: null }, async (peer) => {
    const { invitation, signal } = init
    const { clock, node, signer } = peer
    const { address } = invitation
    const onRetry = (patienceMs: number) => peer.tell({ type: 'retrying', address, patienceMs })
    const upstream = new Upstream({ node, address: multiaddr(address), clock, onRetry })
    const open = (stop: AbortSignal) => upstream.open(stop)
    const components = { open, clock, signal }
    await upstream.connect(signal)
    const { offer, sites } = await upstream.patiently(() => fetchOffer(invitation.offer, components), signal)
    const site = await init.prepare(offer, sites)
    signal.throwIfAborted()
    await node.handle(FOUNDING_PROTOCOL, foundingRelay({ open, clock, signal }), MAX_FOUNDING_STREAMS)
    const addresses = node.printableAddresses().slice(0, MAX_ADDRESSES)
    peer.tell({ type: 'listening', addresses })
    const founded = await joinFounding(
      {
        offer,
        secret: invitation.secret,
        acceptance: acceptanceOf(signer, offer, invitation.secret, site),
        addresses,
        ...signing(init, peer),
      },
      components,
    )
    return { kept: await peer.keep(founded), goesOn: false, work: site.work, upstream: upstream.peerId }
  })
}

/**
 * Goes on with a federation that this data directory keeps. It needs nobody in particular: any member that answers will
 * do. @throws {CoppiceError} as the exit codes say; the signal's reason
 */
export function resume(init: ResumeInit): Promise<PeerResult> {
  const { kept, work } = init
  const members = kept.signed.plan.members.length
  return live(init, { members, port: kept.facts.port }, async () => ({ kept, goesOn: true, work, upstream: null }))
}

export type { FoundInit, JoinInit, PeerInit, PeerResult, ResumeInit } from './init.ts'
