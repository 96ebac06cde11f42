/** How a federation stands by what the data directory has of it, while no peer runs. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { peerIdText } from '../../protocols/plan/site-name.ts'
import { toHex } from '../../protocols/wire/encoding.ts'
import { CertificateChain } from '../disk/certificates.ts'
import type { KeptFederation } from '../kept/federation.ts'
import { federationOf } from '../round/federation.ts'
import { type PeerStatus, timeText } from './status.ts'

/** @throws {OutputError} OUTPUT_CERTIFICATE_DAMAGED */
export async function statusOnDisk(data: string, kept: KeptFederation): Promise<PeerStatus> {
  const { directory, facts, signed } = kept
  const { plan } = signed
  const federation = federationOf(plan)
  const { rounds } = federation
  const certificates = join(directory, 'certificates')
  const certified = existsSync(certificates) ? (await CertificateChain.open(certificates, plan, federation)).rounds : 0
  return {
    running: false,
    pid: null,
    data,
    federation: toHex(plan.id),
    phase: facts.finished ? 'finished' : 'stopped',
    round: Math.min(certified + 1, rounds),
    rounds,
    attempt: 1,
    work: null,
    progress: null,
    size: plan.members.length,
    members: plan.members.map(({ peer, site }) => {
      const id = peerIdText(peer)
      return { site, peer: id, self: id === facts.peer, sent: null, awaited: false, connected: null, heard: null }
    }),
    needed: null,
    deadline: null,
    bytes: null,
    memory: null,
    refused: [],
    out: facts.out,
    began: facts.began === 0 ? null : timeText(facts.began),
    others: [],
  }
}
