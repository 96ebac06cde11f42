/** The files that a member keeps of its federation, in the federation's own directory inside the data directory. */
import { join } from 'node:path'
import type { Founded } from '../../protocols/founding/index.ts'
import { encodeSignedPlan } from '../../protocols/plan/plan.ts'
import type { Federation } from '../../protocols/round/messages/value.ts'
import { writeDurably } from '../../src/files/durable-file.ts'
import { CertificateChain } from '../disk/certificates.ts'
import { Merges } from '../disk/merges.ts'
import { BlobStore } from '../disk/store.ts'
import { federationOf } from '../round/federation.ts'
import { PLAN_FILE } from '../round/output.ts'
import type { Work } from '../work/work.ts'

export interface Archive {
  federation: Federation
  store: BlobStore
  chain: CertificateChain
  merges: Merges
}

/** Writes the signed plan and opens the rest, as an earlier run of the same peer left it. @throws {OutputError} */
export async function openArchive(
  directory: string,
  { plan, signatures }: Pick<Founded, 'plan' | 'signatures'>,
  work: Work,
): Promise<Archive> {
  await writeDurably(join(directory, PLAN_FILE), encodeSignedPlan({ plan, signatures }))
  const federation = federationOf(plan)
  const store = await BlobStore.open(join(directory, 'blobs'))
  const chain = await CertificateChain.open(join(directory, 'certificates'), plan, federation)
  const merges = new Merges(join(directory, 'merges'), work, (root) => store.path(root))
  return { federation, store, chain, merges }
}
