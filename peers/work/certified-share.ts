/**
 * The share of a merged model's mask bits that no liars could have changed, as many of them as the plan's rule
 * withstands. It is known for the rule `trimmed` over Wanda's statistics, and follows from the base model and the
 * contributions in the last certificate; blocks without contributions are not counted.
 */
import { join } from 'node:path'
import { mergingOf, type Offer } from '../../protocols/plan/offer.ts'
import type { ManifestEntry } from '../../protocols/round/messages/value.ts'
import type { Method } from '../../src/form/method.ts'
import type { CertifiedBits } from '../../src/jobs/federation/certify.ts'
import type { ModelDescription } from '../../src/jobs/model/describe.ts'
import type { JobEngine } from '../../src/jobs/open-engine.ts'
import { blockOfSlot } from '../../src/merge/slots.ts'

export interface CertifiedShare {
  /** The number of members that may lie, of all members. */
  liars: number
  members: number
  /** The share of all layers together. */
  share: number
  /** One entry a layer. */
  layers: Array<{ layer: string; share: number }>
}

interface Certifying {
  engine: JobEngine
  /** The base model's directory. */
  dir: string
  description: Pick<ModelDescription, 'layers'>
  method: Method
  members: number
  /** The liars that the plan's rule withstands; 0: it is not `trimmed`. */
  faults: number
  /** The files of the contributions to each block. */
  contributions: ReadonlyMap<number, string[]>
  signal?: AbortSignal
}

/** The parts of an offer that the share needs. */
export function certifying(offer: Offer): Pick<Certifying, 'method' | 'members' | 'faults'> {
  return { method: offer.method, members: offer.members, faults: mergingOf(offer).faults }
}

/** The files of a manifest's contributions, by block. @param folder - has each under its id */
export function blockFiles(
  entries: readonly Pick<ManifestEntry, 'block' | 'root'>[],
  blocks: number,
  folder: string,
): Map<number, string[]> {
  const byBlock = Map.groupBy(entries, ({ block }) => blockOfSlot(block, blocks))
  return new Map([...byBlock].map(([block, own]) => [block, own.map(({ root }) => join(folder, root))]))
}

/** Null where the plan merges by another rule, or prunes otherwise. */
export async function certifiedShare(job: Certifying): Promise<CertifiedShare | null> {
  const { engine, dir, description, method, members, faults, contributions, signal } = job
  if (faults === 0 || method.pruner !== 'wanda') return null
  const all: CertifiedBits[] = []
  const layers: CertifiedShare['layers'] = []
  for (const [block, paths] of [...contributions].sort(([a], [b]) => a - b)) {
    if (paths.length === 0) continue
    const found = await engine.run('certify', { dir, target: method.target, block, paths, faults }, { signal })
    const own = description.layers.filter((layer) => layer.block === block)
    for (const { role, name } of own) layers.push({ layer: name, share: shareOf([found[role]]) })
    all.push(...found)
  }
  return { liars: faults, members, share: shareOf(all), layers }
}

function shareOf(found: readonly CertifiedBits[]): number {
  const total = (of: keyof CertifiedBits) => found.reduce((sum, each) => sum + each[of], 0)
  return total('certain') / total('bits')
}
