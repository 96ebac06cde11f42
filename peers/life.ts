/** The frame of a peer's life: it opens, founds or goes on, takes part, and closes what it opened, whatever happens. */
import type { Founded } from '../protocols/founding/index.ts'
import type { Plan } from '../protocols/plan/plan.ts'
import { peerIdText } from '../protocols/plan/site-name.ts'
import { NetworkError } from '../src/base/errors.ts'
import { OutDirectory } from './disk/out-directory.ts'
import type { PeerInit, PeerResult, Site, Starting } from './init.ts'
import { KeptFederation } from './kept/federation.ts'
import { takePart } from './member/member.ts'
import { type NodeInit, type PeerNode, startNode } from './network/node.ts'
import { systemClock } from './round/clock.ts'
import type { PeerEvent } from './round/events.ts'
import { StatusSocket } from './status/socket.ts'
import { StatusBook } from './status/status-book.ts'

/** A peer whose federation is founded. */
interface Ready {
  kept: KeptFederation
  /** An earlier run has begun it. */
  goesOn: boolean
  work: Site['work']
  /** The neighbour that this peer joined through; null: it is the founder, or needs nobody in particular. */
  upstream: string | null
}

/** The facts that are known before anything is founded or read. */
interface Expected {
  /** The number of members of the federation; 0: not known yet. */
  members: number
  /** The port on which an earlier run listened: others know it. null: there is none. */
  port: number | null
}

/** @param begin - founds a federation, joins one, or has one to go on with */
export async function live(
  init: PeerInit,
  { members, port }: Expected,
  begin: (peer: Starting) => Promise<Ready>,
): Promise<PeerResult> {
  init.signal.throwIfAborted()
  await using closing = new AsyncDisposableStack()
  const { data } = init
  const { privateKey, signer } = data
  const place = closing.use(await OutDirectory.open(init.place))
  const { announce, listen, metrics, proxy } = init
  const node = await startWhereKnown({ privateKey, members, listen, announce, metrics, proxy }, port)
  closing.defer(() => node.stop())
  init.onNode?.(node)
  const clock = init.clock ?? systemClock
  const book = bookOf(init, node)
  if (book !== null) init.onBook?.(book)
  if (book !== null) closing.use(await StatusSocket.open(data.path, (question) => book.answer(question)))
  const tell = (event: PeerEvent) => {
    book?.hear(event, clock.date())
    init.onEvent?.(event)
  }
  const own = { port: node.port(), peer: node.peerId, site: init.note }
  const facts = async ({ id }: Plan) => ({ out: await place.settle(id), ...own })
  const keep = async (founded: Founded) => {
    const directory = await data.federation(founded.plan)
    const told = { addresses: addressesOf(founded), began: clock.date() }
    return KeptFederation.begin(directory, founded, { ...(await facts(founded.plan)), ...told })
  }
  const starting = { book, clock, node, signer, tell, keep }
  const { kept, goesOn, upstream, work } = await begin(starting)
  const { plan } = kept.signed
  if (goesOn) await kept.keep(await facts(plan))
  const out = await place.settle(plan.id)
  const made = await work(kept.directory)
  const result = await takePart(init, { ...starting, kept, goesOn, upstream, out, work: made })
  await init.conclude?.(result)
  await kept.keep({ finished: true })
  return result
}

function bookOf({ aside, data }: PeerInit, node: PeerNode): StatusBook | null {
  if (aside === undefined) return null
  const { peerId: self } = node
  return new StatusBook({
    data: data.path,
    self,
    aside,
    traffic: () => node.traffic(),
    neighbours: () => node.neighbours(),
  })
}

function addressesOf({ addresses }: Founded): Record<string, string[]> {
  return Object.fromEntries(addresses.map(({ peer, addresses }) => [peerIdText(peer), addresses]))
}

/** Starts a node on the port of an earlier run, where the port was of no importance; on another one if it is taken. */
async function startWhereKnown(init: NodeInit, port: number | null): Promise<PeerNode> {
  const { listen } = init
  if (port === null || listen?.endsWith('/tcp/0') !== true) return startNode(init)
  try {
    return await startNode({ ...init, listen: listen.replace(/0$/, String(port)) })
  } catch (error) {
    if (error instanceof NetworkError) return startNode(init)
    throw error
  }
}
