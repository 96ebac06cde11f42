import { z } from 'zod'
import { askPeer } from '../../../peers/status/socket.ts'
import type { Invited } from '../../../peers/status/status-book.ts'
import { RefusedError } from '../../../src/base/errors.ts'
import type { Run } from '../../command.ts'
import { joinLine } from '../../common/site/invitation-text.ts'
import type { InvitationOptions } from './options.ts'

const answer = z.object({ invitation: z.string().nullable() })

/** @throws {RefusedError} REFUSED_NOT_FOUNDING: no peer waits for other sites there */
export async function invitation({ data }: InvitationOptions, { terminal }: Run): Promise<Invited> {
  const told = answer.safeParse(await askPeer(data, 'invitation')).data
  const line = told?.invitation ?? null
  if (line === null) throw nobodyWaits(data, told !== undefined)
  terminal.say(joinLine(line))
  return { invitation: line }
}

function nobodyWaits(data: string, runs: boolean): RefusedError {
  return new RefusedError({
    code: 'REFUSED_NOT_FOUNDING',
    what: runs
      ? `the peer with the data directory ${data} waits for no other sites: all have signed, or it has joined itself`
      : `no peer runs with the data directory ${data}`,
    hint: runs
      ? 'coppice status shows what it does. Another federation needs another coppice peer.'
      : 'An invitation is void once its founder has stopped: coppice peer makes a new one.',
  })
}
