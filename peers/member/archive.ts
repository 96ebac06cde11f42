/** The files that a member keeps of its federation, in the federation's own directory inside the data directory. */
import { join } from 'node:path'
import type { Federation } from '../../protocols/round/messages/value.ts'
import { CertificateChain } from '../disk/certificates.ts'
import { Journal } from '../disk/journal.ts'
import { Merges } from '../disk/merges.ts'
import type { SignedPlans } from '../disk/signed-plans.ts'
import { BlobStore } from '../disk/store.ts'
import type { KeptFederation } from '../kept/federation.ts'
import { federationOf } from '../round/federation.ts'
import type { Work } from '../work/work.ts'

export interface Archive {
  journal: Journal
  federation: Federation
  store: BlobStore
  chain: CertificateChain
  merges: Merges
}

/** Opens it. @throws {OutputError} */
export async function openArchive(
  { directory, signed: { plan } }: KeptFederation,
  work: Work,
  signed: SignedPlans,
): Promise<Archive> {
  const federation = federationOf(plan)
  const store = await BlobStore.open(join(directory, 'blobs'))
  const chain = await CertificateChain.open(join(directory, 'certificates'), plan, federation)
  const merges = await Merges.open(join(directory, 'merges'), work, store)
  const journal = await Journal.open({ directory, plan: plan.id, rounds: chain.rounds, signed })
  return { federation, store, chain, merges, journal }
}
