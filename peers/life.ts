/** The frame of a peer's life: it opens, founds, takes part, and closes what it opened, whatever happens. */
import type { Founded } from '../protocols/founding/index.ts'
import { Journal } from './disk/journal.ts'
import { OutDirectory } from './disk/out-directory.ts'
import type { PeerInit, PeerResult, Site, Starting } from './init.ts'
import { takePart } from './member/member.ts'
import { startNode } from './network/node.ts'
import { systemClock } from './round/clock.ts'
import type { PeerEvent } from './round/events.ts'

/** A peer whose federation is founded. */
interface Ready {
  founded: Founded
  site: Site
  /** The neighbour that this peer joined through; null: it is the founder. */
  upstream: string | null
}

/**
 * @param members - of the federation; 0: not known yet
 * @param begin - founds a federation or joins one
 */
export async function live(
  init: PeerInit,
  members: number,
  begin: (peer: Starting) => Promise<Ready>,
): Promise<PeerResult> {
  init.signal.throwIfAborted()
  await using closing = new AsyncDisposableStack()
  const { data } = init
  const { privateKey, signer } = data
  const place = closing.use(await OutDirectory.open(init.place))
  const node = await startNode({ privateKey, members, listen: init.listen, announce: init.announce })
  closing.defer(() => node.stop())
  init.onNode?.(node)
  const tell = (event: PeerEvent) => init.onEvent?.(event)
  const clock = init.clock ?? systemClock
  const starting = { clock, node, signer, tell }
  const ready = await begin(starting)
  const { plan } = ready.founded
  const directory = await data.federation(plan)
  const journal = await Journal.open(directory)
  closing.defer(() => journal.close())
  const out = await place.settle(plan.id)
  const work = await ready.site.work(directory)
  const { founded, upstream } = ready
  return await takePart(init, { ...starting, founded, upstream, directory, out, journal, work })
}
