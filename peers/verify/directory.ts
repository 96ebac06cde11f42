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
import { isPersonal } from '../../protocols/round/masked/phases.ts'
import type { Certified, Federation, ManifestEntry } from '../../protocols/round/messages/value.ts'
import { toHex } from '../../protocols/wire/encoding.ts'
import { BlobHasher } from '../../protocols/wire/hash.ts'
import { isStructuredMethod, type Method } from '../../src/form/method.ts'
import type { BlockFile } from '../../src/jobs/block-files.ts'
import type { StructuredForms } from '../../src/jobs/federation/structured-forms.ts'
import type { JobEngine } from '../../src/jobs/open-engine.ts'
import { filesOf, Merges, UnmergeableError } from '../disk/merges.ts'
import { PLAN_FILE } from '../kept/federation.ts'
import { federationOf } from '../round/federation.ts'
import { CERTIFICATES_NAME, CONTRIBUTIONS_NAME, MODEL_NAME } from '../round/output.ts'
import { blockFiles, type CertifiedShare, certifiedShare, certifying } from '../work/certified-share.ts'
import { CommonWork } from '../work/common-work.ts'
import { mergedFiles } from '../work/engine-work.ts'
import type { MergeJob } from '../work/work.ts'
import { checkCertificates } from './certificates.ts'
import { differs, guarded, missing, readKept } from './faults.ts'
import { MaskedContributions } from './masked.ts'
import { type VerifiedSum, verifiedSum } from './sums.ts'

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
  /** The sums of a masked plan, by opening; null: the plan is open. */
  sums: VerifiedSum[] | null
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

/** A signal for callers that have none. */
const NEVER = new AbortController().signal

/**
 * Verifies an output directory. `gone`: the rounds whose certificates are missing, while all that is there verifies.
 * @throws {InputError} VERIFY_MISSING: a file is not there, and without it the result cannot be computed
 * @throws {DivergedError} VERIFY_FAILED: a file differs; the message says which one and how
 */
export async function verifyDirectory(init: VerifyInit): Promise<{ verified: Verified; gone: number[] }> {
  const { engine, dir, base, signal = NEVER, onProgress = () => undefined } = init
  const { plan, signatures } = readSignedPlan(dir)
  const { method, rounds } = plan.offer
  const description = await engine.run('describe', { dir: base }, { signal })
  const { blocks } = description
  const federation = federationOf(plan, blocks)
  const { last, gone, sums, ...checked } = checkCertificates(dir, plan, federation)
  const strays = await checkBlobs(join(dir, CONTRIBUTIONS_NAME), last.value.entries)
  const structured = await structuredForms(engine, base, method)
  const merging = mergingOf(plan.offer)
  const work = new CommonWork({ engine, model: base, description, method, rounds, merging, structured, signal })
  const scratch = mkdtempSync(join(tmpdir(), 'coppice-verify-'))
  try {
    const merged = await mergeAgain({ dir, plan, federation, last, work, scratch, signal, onProgress })
    const written = join(dir, MODEL_NAME)
    const weights = mergedFiles(merged, method)
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
      sums: federation.masked === null ? null : sums.map((sum) => verifiedSum(sum, plan, last.value)),
      certified: await certifiedShare(job),
      ok: true,
    }
    return { verified, gone }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** The facts that a merge needs of the model; null if no structures are removed. */
async function structuredForms(engine: JobEngine, dir: string, method: Method): Promise<StructuredForms | null> {
  if (!isStructuredMethod(method)) return null
  const { from, to, ppm } = method.target
  return engine.run('structuredForms', { dir, from, to, ppm })
}

interface MergeAgain {
  dir: string
  plan: Plan
  federation: Federation
  last: Certified
  work: CommonWork
  scratch: string
  signal: AbortSignal
  onProgress: (done: number, total: number) => void
}

/** Validates all contributions and merges them again, as members do for a vote; returns the merged blocks. */
async function mergeAgain(init: MergeAgain): Promise<ReadonlyMap<number, string>> {
  const { dir, plan, federation, last, work, scratch, signal, onProgress } = init
  const folder = join(dir, CONTRIBUTIONS_NAME)
  const { entries, bits, merged: wanted } = last.value
  const { masked } = federation
  const sums = masked === null ? null : new MaskedContributions({ folder, plan, federation, masked, entries })
  await sums?.check()
  const offered = entries.filter(({ block }) => !isPersonal(federation, block))
  let done = 0
  const step = () => onProgress(++done, offered.length + work.blocks)
  for (const { block: slot, root } of offered) {
    signal.throwIfAborted()
    const path = join(folder, root)
    const reason = await work.validate(slot, path)
    if (reason !== null) throw differs(path, `is no valid contribution (${reason})`)
    step()
  }
  const steps = {
    blocks: work.blocks,
    maskBits: (block: number) => work.maskBits(block),
    merge: (job: MergeJob) => work.merge(job).finally(step),
  }
  const held = { path: (root: string) => join(folder, root), using: <T>(_: unknown, task: () => Promise<T>) => task() }
  const merges = await Merges.open(join(scratch, 'merges'), steps, held, sums)
  const merge = await merges.merge(last.id, entries, null, signal).catch((error) => {
    throw error instanceof UnmergeableError ? differs(folder, `cannot be merged: ${error.message}`) : error
  })
  if (merge.root !== wanted) throw differs(folder, `merges to ${merge.root}, the certificate says ${wanted}`)
  if (merge.bits !== bits) throw differs(folder, `has ${merge.bits} mask bits, the certificate says ${bits}`)
  return filesOf(merge)
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
