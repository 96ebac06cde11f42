/**
 * Verifies offline the files that one peer kept: every signature and hash of the plan and the certificates, every
 * contribution in the last certificate, the merge, which is computed again from them and the base model, and the
 * written model byte for byte. Signatures prove the acts of members; computing again proves the result of the
 * federation.
 */
import { createReadStream, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { mergingOf } from '../../protocols/plan/offer.ts'
import { decodeSignedPlan, type Plan } from '../../protocols/plan/plan.ts'
import type { Certified, ManifestEntry } from '../../protocols/round/messages/value.ts'
import { toHex } from '../../protocols/wire/encoding.ts'
import { BlobHasher } from '../../protocols/wire/hash.ts'
import type { BlockFile } from '../../src/jobs/block-files.ts'
import type { JobEngine } from '../../src/jobs/open-engine.ts'
import { mergedRoot } from '../../src/merge/roots.ts'
import { blockOfSlot } from '../../src/merge/slots.ts'
import { PLAN_FILE } from '../kept/federation.ts'
import { federationOf } from '../round/federation.ts'
import { CERTIFICATES_NAME, CONTRIBUTIONS_NAME, MODEL_NAME } from '../round/output.ts'
import { blockFiles, type CertifiedShare, certifiedShare, certifying } from '../work/certified-share.ts'
import { mergedKind } from '../work/engine-work.ts'
import { checkCertificates } from './certificates.ts'
import { differs, guarded, missing, readKept } from './faults.ts'

export interface Verified {
  /** The plan's id. */
  federation: string
  /** The number of certificates that were checked. */
  rounds: number
  /** The number of signatures that were checked: of acceptances, plan and certificates. */
  signatures: number
  root: string
  /** Files that do not affect the verified parts: of the model, and those that are no results. One sentence each. */
  notes: string[]
  /** The mask bits that no liars could have changed; null if the plan's rule does not tell. */
  certified: CertifiedShare | null
  ok: true
}

interface VerifyInit {
  engine: JobEngine
  /** The output directory of a peer: plan.cbor, certificates, contributions, model. */
  dir: string
  /** The base model's directory; the caller has checked its hash against the plan's. */
  base: string
  signal?: AbortSignal
  onProgress?: (done: number, total: number) => void
}

/**
 * Reads and checks plan.cbor alone, so that a caller can find the base model that it names.
 * @throws {InputError} VERIFY_MISSING
 * @throws {DivergedError} VERIFY_FAILED
 */
export function readSignedPlan(dir: string): { plan: Plan; signatures: number } {
  const path = join(dir, PLAN_FILE)
  return guarded(path, () => {
    const { plan, signatures } = decodeSignedPlan(readKept(path))
    return { plan, signatures: signatures.length + plan.acceptances.length }
  })
}

/**
 * Verifies an output directory. `gone`: the rounds whose certificates are missing, while all that is there verifies.
 * @throws {InputError} VERIFY_MISSING: a file is not there, and without it the result cannot be computed
 * @throws {DivergedError} VERIFY_FAILED: a file differs; the message says which one and how
 */
export async function verifyDirectory(init: VerifyInit): Promise<{ verified: Verified; gone: number[] }> {
  const { engine, dir, base, signal, onProgress } = init
  const { plan, signatures } = readSignedPlan(dir)
  const description = await engine.run('describe', { dir: base }, { signal })
  const { blocks } = description
  const { last, gone, ...checked } = checkCertificates(dir, plan, federationOf(plan, blocks))
  const strays = await checkBlobs(join(dir, CONTRIBUTIONS_NAME), last.value.entries)
  const scratch = mkdtempSync(join(tmpdir(), 'coppice-verify-'))
  try {
    const weights = await mergeAgain({ engine, dir, base, plan, last, scratch, signal, onProgress, blocks })
    const written = join(dir, MODEL_NAME)
    const notes = await checkModel({ engine, base, written, weights, scratch: join(scratch, 'base'), signal })
    const contributions = blockFiles(last.value.entries, blocks, join(dir, CONTRIBUTIONS_NAME))
    const job = { engine, dir: base, description, ...certifying(plan.offer), contributions, signal }
    const verified: Verified = {
      federation: toHex(plan.id),
      rounds: checked.count,
      signatures: signatures + checked.signatures,
      root: last.value.merged,
      notes: [
        ...notes.map((note) => `${MODEL_NAME}/${note}`),
        ...checked.strays.map((name) => `${CERTIFICATES_NAME}/${name} is no certificate of a round`),
        ...strays.map((name) => `${CONTRIBUTIONS_NAME}/${name} is named by no certificate`),
      ],
      certified: await certifiedShare(job),
      ok: true,
    }
    return { verified, gone }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

interface MergeAgain {
  engine: JobEngine
  dir: string
  base: string
  plan: Plan
  last: Certified
  scratch: string
  blocks: number
  signal?: AbortSignal
  onProgress?: (done: number, total: number) => void
}

/** Validates the contributions and merges them again; returns the merged blocks. */
async function mergeAgain({
  engine,
  dir,
  base,
  plan,
  last,
  scratch,
  blocks,
  signal,
  onProgress,
}: MergeAgain): Promise<BlockFile[]> {
  const { method, rounds } = plan.offer
  const merging = mergingOf(plan.offer)
  const folder = join(dir, CONTRIBUTIONS_NAME)
  const { entries, merged: wanted } = last.value
  const merged: BlockFile[] = []
  const roots: (Uint8Array | null)[] = []
  for (let block = 0; block < blocks; block++) {
    const own = entries.filter((entry) => blockOfSlot(entry.block, blocks) === block)
    if (own.length === 0) {
      roots.push(null)
      continue
    }
    for (const { block: slot, root } of own) {
      const path = join(folder, root)
      const reason = await engine.run('validate', { dir: base, method, merging, rounds, slot, path }, { signal })
      if (reason !== null) throw differs(path, `is no valid contribution (${reason})`)
    }
    const paths = own.map(({ root }) => join(folder, root))
    const out = join(scratch, `merged-${block}`)
    const report = await engine.run(
      'merge',
      { dir: base, method, merging, block, paths, out, previous: null },
      { signal },
    )
    if ('impossible' in report) throw differs(folder, `has a total that cannot be: ${report.impossible}`)
    merged.push({ block, kind: mergedKind(method), path: out })
    roots.push(report.root)
    onProgress?.(block + 1, blocks)
  }
  const root = toHex(mergedRoot(roots))
  if (root !== wanted) throw differs(folder, `merges to ${root}, the certificate says ${wanted}`)
  return merged
}

/**
 * Checks that all blobs of the manifest are there, and are those that their names say.
 * @returns the names of other files
 */
async function checkBlobs(folder: string, entries: readonly ManifestEntry[]): Promise<string[]> {
  const wanted = new Set(entries.map(({ root }) => root))
  for (const root of wanted) {
    const path = join(folder, root)
    if (!existsSync(path)) throw missing(path)
    const hasher = new BlobHasher()
    for await (const chunk of createReadStream(path)) hasher.update(chunk as Uint8Array)
    const found = toHex(hasher.finish().id)
    if (found !== root) throw differs(path, `holds other bytes than its name says (${found.slice(0, 8)}...)`)
  }
  return readdirSync(folder).filter((name) => !wanted.has(name))
}

interface CheckModel {
  engine: JobEngine
  base: string
  written: string
  weights: BlockFile[]
  scratch: string
  signal?: AbortSignal
}

async function checkModel({ engine, base, written, weights, scratch, signal }: CheckModel): Promise<string[]> {
  if (!existsSync(written)) throw missing(written)
  const { difference, notes } = await engine.run('compare', { dir: base, weights, written, scratch }, { signal })
  if (difference !== null) throw differs(written, `differs from the merge of the contributions: ${difference}`)
  return notes
}
