/** The work of `coppice status`: asks the socket of the data directory, or reads the disk. */

import { keptFederations } from '../../../peers/kept/find.ts'
import { systemClock } from '../../../peers/round/clock.ts'
import { askPeer } from '../../../peers/status/socket.ts'
import { type PeerStatus, statusSchema } from '../../../peers/status/status.ts'
import { statusOnDisk } from '../../../peers/status/status-on-disk.ts'
import { toHex } from '../../../protocols/wire/encoding.ts'
import { UsageError } from '../../../src/base/errors.ts'
import type { Run } from '../../command.ts'
import type { StatusOptions } from './options.ts'
import { statusInWords } from './words.ts'

/** Long enough to read it, and short enough to see a round go on. */
const WATCH_MS = 2000
/** Clears a terminal, and goes to its first line. */
const CLEAR = '\x1b[H\x1b[2J'

/** null: all was written while it was watched. */
export async function status(options: StatusOptions, { terminal, signal }: Run): Promise<PeerStatus | null> {
  for (;;) {
    const found = await statusOf(options)
    const words = statusInWords(found, systemClock.date())
    if (!options.json) terminal.say(options.watch && terminal.isWatched ? `${CLEAR}${words}` : words)
    if (!options.watch) return found
    if (options.json) terminal.result(found)
    try {
      await systemClock.pause(WATCH_MS, signal)
    } catch {
      return null // Ctrl-C ends it, as it should
    }
  }
}

/** @throws {UsageError} STATUS_NOTHING @throws {OutputError} as keptFederations does */
async function statusOf({ data, id }: StatusOptions): Promise<PeerStatus> {
  const kept = await keptFederations(data)
  const others = (own: string | null) =>
    kept
      .filter(({ facts }) => !facts.finished)
      .map(({ signed }) => toHex(signed.plan.id))
      .filter((other) => other !== own)
  const running = statusSchema.safeParse(await askPeer(data, 'status')).data
  if (running !== undefined && (running.federation ?? '').startsWith(id)) {
    return { ...running, others: others(running.federation) }
  }
  const named = kept.filter(({ signed }) => toHex(signed.plan.id).startsWith(id))
  const chosen = named.find(({ facts }) => !facts.finished) ?? named[0]
  if (chosen === undefined) throw nothing(data, id)
  return { ...(await statusOnDisk(data, chosen)), others: others(toHex(chosen.signed.plan.id)) }
}

function nothing(data: string, id: string): UsageError {
  return new UsageError({
    code: 'STATUS_NOTHING',
    what: `no peer runs with the data directory ${data}, and it holds no federation${id === '' ? '' : ` whose id begins with ${id}`}`,
    hint: 'Give --data the directory that the site has, or found or join a federation.',
  })
}
