/**
 * The output of a peer, for people and for `verify`: plan.cbor, certificates, the contributions that the last manifest
 * names, the model. A file or directory appears under its name only when it is whole.
 */
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { SignedPlan } from '../../protocols/plan/plan.ts'
import { encodeSignedPlan } from '../../protocols/plan/plan.ts'
import { orUnwritable } from '../../src/base/system-errors.ts'
import { linkOrCopy, writeDurably } from '../../src/files/durable-file.ts'
import { type CertificateChain, certificateFile } from '../disk/certificates.ts'
import type { BlobStore } from '../disk/store.ts'
import { PLAN_FILE } from '../kept/federation.ts'
import type { Work } from '../work/work.ts'
import type { RoundReport } from './events.ts'

export const CERTIFICATES_NAME = 'certificates'
export const CONTRIBUTIONS_NAME = 'contributions'
export const MODEL_NAME = 'model'

interface OutputInit {
  out: string
  signed: SignedPlan
  chain: CertificateChain
  store: BlobStore
  work: Work
  last: RoundReport
  signal: AbortSignal
}

/** @throws {OutputError} it cannot be written */
export async function writeOutput({ out, signed, chain, store, work, last, signal }: OutputInit): Promise<void> {
  const model = join(out, MODEL_NAME)
  await whole(model, (part) => work.writeModel(last.merged, part, signal))
  signal.throwIfAborted()
  await whole(join(out, CONTRIBUTIONS_NAME), async (part) => {
    await orUnwritable(part, mkdir(part))
    for (const root of new Set(last.value.entries.map((entry) => entry.root))) {
      await linkOrCopy(store.path(root), join(part, root))
    }
  })
  await whole(join(out, CERTIFICATES_NAME), async (part) => {
    await orUnwritable(part, mkdir(part))
    for (let round = 1; round <= chain.rounds; round++) {
      const name = certificateFile(round)
      await linkOrCopy(join(chain.directory, name), join(part, name))
    }
  })
  await writeDurably(join(out, PLAN_FILE), encodeSignedPlan(signed))
}

/** Writes a directory beside its place and moves it there when it is complete, over that of an earlier run. */
async function whole(path: string, write: (part: string) => Promise<void>): Promise<void> {
  const part = `${path}.part`
  await rm(part, { recursive: true, force: true })
  try {
    await write(part)
    await rm(path, { recursive: true, force: true })
    await orUnwritable(path, rename(part, path))
  } catch (error) {
    await rm(part, { recursive: true, force: true })
    throw error
  }
}
