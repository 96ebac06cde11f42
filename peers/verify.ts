/**
 * Verifies offline the files that one peer kept: every signature and hash of the plan and the certificates, every
 * contribution in the last certificate, the merge, which is computed again from them and the base model, and the
 * written model byte for byte. Signatures prove the acts of members; computing again proves the result of the
 * federation.
 */
import { createReadStream, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { withstoodFaults } from '../protocols/plan/offer.ts'
import { decodeSignedPlan, InvalidPlanError, type Plan } from '../protocols/plan/plan.ts'
import {
  type Certificate,
  certificateFault,
  certificateId,
  decodeCertificate,
} from '../protocols/round/messages/certificate.ts'
import { type Certified, type ManifestEntry, valueFault } from '../protocols/round/messages/value.ts'
import { MalformedMessageError, toHex } from '../protocols/wire/encoding.ts'
import { BlobHasher } from '../protocols/wire/hash.ts'
import { CoppiceError, DivergedError, InputError } from '../src/base/errors.ts'
import type { BlockFile } from '../src/jobs/block-files.ts'
import type { ModelDescription } from '../src/jobs/model/describe.ts'
import type { JobEngine } from '../src/jobs/open-engine.ts'
import { mergedRoot } from '../src/merge/roots.ts'
import { blockOfSlot } from '../src/merge/slots.ts'
import { federationOf } from './round/federation.ts'
import { CONTRIBUTIONS_NAME } from './round/output.ts'
import { blockFiles, type CertifiedShare, certifiedShare, certifying } from './work/certified-share.ts'
import { mergedKind } from './work/engine-work.ts'

export interface Verified {
  /** The plan's id. */
  federation: string
  rounds: number
  /** The number of signatures that were checked: of acceptances, plan and certificates. */
  signatures: number
  root: string
  /** Files of the model that differ from the base's and do not affect the verified parts, one sentence each. */
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
  const path = join(dir, 'plan.cbor')
  return guarded(path, () => {
    const { plan, signatures } = decodeSignedPlan(readKept(path))
    return { plan, signatures: signatures.length + plan.acceptances.length }
  })
}

/**
 * Verifies an output directory.
 * @throws {InputError} VERIFY_MISSING: a file is not there
 * @throws {DivergedError} VERIFY_FAILED: a file differs; the message says which one and how
 */
export async function verifyDirectory({ engine, dir, base, signal, onProgress }: VerifyInit): Promise<Verified> {
  const { plan, signatures } = readSignedPlan(dir)
  const description = await engine.run('describe', { dir: base }, { signal })
  const certificates = readCertificates(dir, plan)
  const { last, signed } = checkChain(dir, plan, description, certificates)
  let notes: string[]
  let certified: CertifiedShare | null
  const scratch = mkdtempSync(join(tmpdir(), 'coppice-verify-'))
  try {
    const merged = await mergeAgain({
      engine,
      dir,
      base,
      plan,
      last,
      scratch,
      signal,
      onProgress,
      blocks: description.blocks,
    })
    notes = await checkModel({
      engine,
      base,
      written: join(dir, 'model'),
      weights: merged,
      scratch: join(scratch, 'base'),
      signal,
    })
    const contributions = blockFiles(last.value.entries, description.blocks, join(dir, CONTRIBUTIONS_NAME))
    certified = await certifiedShare({
      engine,
      dir: base,
      description,
      ...certifying(plan.offer),
      contributions,
      signal,
    })
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
  return {
    federation: toHex(plan.id),
    rounds: certificates.length,
    signatures: signatures + signed,
    root: last.value.merged,
    notes,
    certified,
    ok: true,
  }
}

function readCertificates(dir: string, plan: Plan): Certificate[] {
  const folder = join(dir, 'certificates')
  if (!existsSync(folder)) throw missing(folder)
  const names = readdirSync(folder)
  if (names.length === 0) throw missing(join(folder, '1.cbor'))
  const stray = names.find((name) => !/^[1-9]\d*\.cbor$/.test(name))
  if (stray !== undefined) throw differs(join(folder, stray), 'is no certificate of a round')
  return names.map((_, i) => {
    const path = join(folder, `${i + 1}.cbor`)
    return guarded(path, () => {
      const certificate = decodeCertificate(readKept(path))
      const fault = certificateFault(plan, certificate)
      if (fault !== null) throw differs(path, `does not certify: wrong ${fault}`)
      return certificate
    })
  })
}

/** Checks that each certificate follows from the one before. */
function checkChain(
  dir: string,
  plan: Plan,
  model: ModelDescription,
  certificates: Certificate[],
): { last: Certified; signed: number } {
  const federation = federationOf(plan, model.blocks)
  let last: Certified | null = null
  let signed = 0
  for (const [i, certificate] of certificates.entries()) {
    const fault = valueFault(federation, last, certificate.value)
    if (fault !== null) throw differs(join(dir, 'certificates', `${i + 1}.cbor`), `does not follow: ${fault}`)
    last = { id: certificateId(certificate), value: certificate.value }
    signed += certificate.signatures.length
  }
  if (last === null) throw missing(join(dir, 'certificates', '1.cbor'))
  return { last, signed }
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

/** Checks the contributions and merges them again; returns the merged blocks. */
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
  const faults = withstoodFaults(plan.offer)
  const folder = join(dir, CONTRIBUTIONS_NAME)
  const { entries, merged: wanted } = last.value
  await checkBlobs(folder, entries)
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
      const reason = await engine.run('validate', { dir: base, method, rounds, slot, path }, { signal })
      if (reason !== null) throw differs(path, `is no valid contribution (${reason})`)
    }
    const paths = own.map(({ root }) => join(folder, root))
    const out = join(scratch, `merged-${block}`)
    const { root } = await engine.run(
      'merge',
      { dir: base, method, block, paths, faults, out, previous: null },
      { signal },
    )
    merged.push({ block, kind: mergedKind(method), path: out })
    roots.push(root)
    onProgress?.(block + 1, blocks)
  }
  const root = toHex(mergedRoot(roots))
  if (root !== wanted) throw differs(folder, `merges to ${root}, the certificate says ${wanted}`)
  return merged
}

/**
 * Checks that every file is the blob that its name says, that all blobs of the manifest are there, and that there are
 * no others.
 */
async function checkBlobs(folder: string, entries: readonly ManifestEntry[]): Promise<void> {
  const wanted = new Set(entries.map(({ root }) => root))
  for (const root of wanted) {
    const path = join(folder, root)
    if (!existsSync(path)) throw missing(path)
    const hasher = new BlobHasher()
    for await (const chunk of createReadStream(path)) hasher.update(chunk as Uint8Array)
    const found = toHex(hasher.finish().id)
    if (found !== root) throw differs(path, `holds other bytes than its name says (${found.slice(0, 8)}...)`)
  }
  const stray = readdirSync(folder).find((name) => !wanted.has(name))
  if (stray !== undefined) throw differs(join(folder, stray), 'is named by no certificate')
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

function readKept(path: string): Uint8Array {
  if (!existsSync(path)) throw missing(path)
  return readFileSync(path)
}

/** Reads a file. Damage that a decoder finds becomes VERIFY_FAILED: it is a difference, not a bug. */
function guarded<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof CoppiceError) throw error
    if (error instanceof MalformedMessageError || error instanceof InvalidPlanError)
      throw differs(path, error.message, error)
    throw error
  }
}

function missing(path: string): InputError {
  return new InputError({
    code: 'VERIFY_MISSING',
    what: `${path} is missing`,
    hint: 'Give verify the whole output directory of a peer: plan.cbor, certificates, contributions and model.',
  })
}

function differs(path: string, why: string, cause?: unknown): DivergedError {
  return new DivergedError({
    code: 'VERIFY_FAILED',
    what: `not verified: ${path} ${why}`,
    hint: 'Do not use this model: fetch the output directory again from a member, and verify that.',
    cause,
  })
}
