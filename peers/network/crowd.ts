/**
 * Connections of one address, before there is a roster: anybody may connect then, and whoever opens connections without
 * end would have the founder close those of others. So an address has a number of connections. Beyond it the oldest
 * that founds nothing makes room: a joiner that still reads or asks its person connects again when it goes on.
 */
import type { Connection } from '@libp2p/interface'
import { FOUNDING_PROTOCOL } from '../../protocols/founding/index.ts'
import { hostOf } from './addresses.ts'

type Link = Pick<Connection, 'direction' | 'remoteAddr' | 'streams' | 'timeline'>

/**
 * The connection that must go, so that no address has more than its number; null: none must.
 * @param all - the open connections, `added` among them
 */
export function oneTooMany<T extends Link>(all: readonly T[], added: T, most: number): T | null {
  if (added.direction !== 'inbound') return null
  const host = hostOf(added.remoteAddr)
  const same = all.filter(({ direction, remoteAddr }) => direction === 'inbound' && hostOf(remoteAddr) === host)
  if (same.length <= most) return null
  const idle = same.filter(({ streams }) => streams.every(({ protocol }) => protocol !== FOUNDING_PROTOCOL))
  return idle.reduce((oldest, each) => (each.timeline.open < oldest.timeline.open ? each : oldest), added)
}
