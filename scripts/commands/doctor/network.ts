/** The checks of the network: the port, the addresses that others would be told, and the invitation. */
import { generateKeyPair } from '@libp2p/crypto/keys'
import { keptAddresses } from '../../../peers/kept/addresses.ts'
import type { KeptFederation } from '../../../peers/kept/federation.ts'
import { look } from '../../../peers/network/look.ts'
import { startNode } from '../../../peers/network/node.ts'
import { reached } from '../../../peers/network/reached.ts'
import type { Invitation } from '../../../protocols/plan/invitation.ts'
import type { Offer } from '../../../protocols/plan/offer.ts'
import { peerIdText, shown, siteInWords } from '../../../protocols/plan/site-name.ts'
import { equalBytes, toHex } from '../../../protocols/wire/encoding.ts'
import { stopwatch } from '../../../src/base/stopwatch.ts'
import type { NetworkOptions } from '../../options/network.ts'
import { runTime } from '../../terminal/numbers.ts'
import { type Finding, fine, problem, warning } from './finding.ts'

/** Hosts that nobody outside this machine, or outside its network, can dial. */
const LOOPBACK = /^\/(ip4\/127\.|ip6\/::1\/|dns\w*\/localhost\/)/
const PRIVATE = /^\/ip4\/(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)/

/** Listens as a peer would. @throws {NetworkError} NETWORK_LISTEN */
export async function listenCheck({ listen, announce }: NetworkOptions): Promise<Finding[]> {
  if (listen === null) return [fine('Port', 'this site only dials out (--no-listen); others pass everything on to it')]
  await using closing = new AsyncDisposableStack()
  const node = await startNode({
    privateKey: await generateKeyPair('Ed25519'),
    members: 0,
    listen,
    announce: announce ?? undefined,
  })
  closing.defer(() => node.stop())
  const port = fine('Port', `can listen on ${listen}`)
  return [port, addressCheck(node.printableAddresses().map((address) => address.replace(/\/p2p\/.*$/, '')))]
}

/** @param addresses - those that others would be told, the best first */
export function addressCheck(addresses: readonly string[]): Finding {
  const [best] = addresses
  const told = `others are told ${addresses.join(', ')}`
  const announce =
    'Where a router or firewall stands before this machine: open the port there, and give --announce /ip4/ITS-ADDRESS/tcp/PORT. A site that only joins may do without: --no-listen.'
  if (best === undefined || LOOPBACK.test(best))
    return problem(
      'Addresses',
      best === undefined ? 'this machine has no address to tell' : `${told}: nobody else can dial that`,
      announce,
    )
  if (PRIVATE.test(best))
    return warning('Addresses', `${told}: only machines of the same network can dial that`, announce)
  return fine('Addresses', told)
}

interface Invited {
  findings: Finding[]
  offer: Offer
}

/** Asks the founder for its offer, with a key that is forgotten at once. @throws {CoppiceError} as `coppice plan` */
export async function invitationCheck(
  invitation: Invitation,
  { proxy }: NetworkOptions,
  signal: AbortSignal,
): Promise<Invited> {
  const elapsed = stopwatch()
  const { offer: sealed, sites } = await look(invitation, proxy, signal)
  const { offer } = sealed
  const here = sites.map(siteInWords).join(', ')
  const answered = fine(
    'Invitation',
    `the founder answers in ${runTime(elapsed())}: ${offer.members} sites prune ${shown(offer.model.name)}`,
  )
  const full = sites.length >= offer.members
  const places = full
    ? problem(
        'Places',
        `all ${offer.members} are taken: ${here}`,
        'Ask the founder whether a site has joined in your place.',
      )
    : fine(
        'Places',
        `${offer.members - sites.length} of ${offer.members} are free; here: ${here}. Their addresses are told with the plan, when all are here`,
      )
  return { findings: [answered, places], offer }
}

/** Dials each other member of a federation that this site has signed already. */
export async function membersCheck(
  kept: KeptFederation,
  { proxy }: Pick<NetworkOptions, 'proxy'>,
  signal: AbortSignal,
): Promise<Finding[]> {
  const own = kept.facts.peer ?? null

  const addresses = keptAddresses(kept)
  const others = kept.signed.plan.members.filter(({ peer }) => peerIdText(peer) !== own)
  const answered = await reached(new Map([...addresses].filter(([peer]) => peer !== own)), proxy, signal)
  return others.map((member) => {
    const id = peerIdText(member.peer)
    const told = addresses.get(id)
    const name = siteInWords(member)
    if (told === undefined) return fine('Member', `${name} only dials out: others pass its messages on`)
    if (answered.has(id)) return fine('Member', `${name} answers`)
    return warning(
      'Member',
      `${name} does not answer at ${told.join(', ')}`,
      'Ask that site whether its peer runs, and whether its firewall lets this one in. Others may pass its messages on.',
    )
  })
}

export function sameModelCheck({ model }: Offer, own: Uint8Array, dir: string): Finding {
  const [wanted, found] = [toHex(model.hash), toHex(own)]
  if (equalBytes(model.hash, own)) return fine('Same model', `${dir} is the model of the plan, ${wanted.slice(0, 8)}`)
  return problem(
    'Same model',
    `${dir} has the hash ${found.slice(0, 8)}, the plan names ${wanted.slice(0, 8)}`,
    `Give --model the very files of ${shown(model.name)} that the founder has; its hash is ${wanted}.`,
  )
}
