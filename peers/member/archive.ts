/** The files that a member keeps of its federation, in the federation's own directory inside the data directory. */
import { join } from 'node:path'
import type { Plan } from '../../protocols/plan/plan.ts'
import type { Federation } from '../../protocols/round/messages/value.ts'
import { openingsOf } from '../../src/merge/openings.ts'
import { CertificateChain } from '../disk/certificates.ts'
import type { DataDirectory } from '../disk/data-directory.ts'
import { Journal } from '../disk/journal.ts'
import { Merges } from '../disk/merges.ts'
import { BlobStore } from '../disk/store.ts'
import type { KeptFederation } from '../kept/federation.ts'
import { MemberSums } from '../masked/member-sums.ts'
import { federationOf } from '../round/federation.ts'
import type { Work } from '../work/work.ts'

export interface Archive {
  journal: Journal
  federation: Federation
  store: BlobStore
  chain: CertificateChain
  merges: Merges
  /** The part of this member in a masked plan; null: the plan is open. */
  sums: MemberSums | null
}

interface Owner {
  data: Pick<DataDirectory, 'signedPlans' | 'textLedger'>
  /** This member's index in the roster. */
  self: number
  /** The time now, in milliseconds since 1970. */
  at: number
}

/** Opens it. @throws {OutputError} */
export async function openArchive(
  { directory, signed: { plan } }: KeptFederation,
  work: Work,
  { data, self, at }: Owner,
): Promise<Archive> {
  const federation = federationOf(plan)
  const store = await BlobStore.open(join(directory, 'blobs'))
  const chain = await CertificateChain.open(join(directory, 'certificates'), plan, federation)
  await using opened = new AsyncDisposableStack()
  const journal = await Journal.open({ directory, plan: plan.id, rounds: chain.rounds, signed: data.signedPlans })
  opened.defer(() => journal.close())
  const mayBegin = chain.rounds === 0 && journal.bodies.length === 0 && journal.abstainsUntil === 0
  const record = () => data.textLedger.record({ text: work.textFingerprint, plan, at })
  const sums = await sumsOf({ directory, plan, federation, store, work, self, mayBegin, record })
  const merges = await Merges.open(join(directory, 'merges'), work, store, sums)
  opened.move() // whoever takes part closes the journal
  return { federation, store, chain, merges, journal, sums }
}

interface Sums {
  directory: string
  plan: Plan
  federation: Federation
  store: BlobStore
  work: Work
  self: number
  mayBegin: boolean
  record(): Promise<void>
}

async function sumsOf({ plan, federation, store, work, ...init }: Sums): Promise<MemberSums | null> {
  const { masked } = federation
  if (masked === null) return null
  const blobs = { read: (root: string) => store.read(root), path: (root: string) => store.path(root) }
  const { blocks } = plan.offer.model
  const own = (slot: number) => work.own(slot)
  return MemberSums.open({ ...init, federation, masked, openings: openingsOf(plan.offer), blocks, blobs, own })
}
