/** The work of `coppice verify`: finds the base model that the plan names, then calls peers/verify.ts. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readSignedPlan, type Verified, verifyDirectory } from '../../../peers/verify.ts'
import { shown } from '../../../protocols/plan/site-name.ts'
import { toHex } from '../../../protocols/wire/encoding.ts'
import { DivergedError, UsageError } from '../../../src/base/errors.ts'
import { openEngine } from '../../../src/jobs/open-engine.ts'
import type { Run } from '../../command.ts'
import { labelled } from '../../common/engine.ts'
import { EMBEDDED_MODEL } from '../../paths.ts'
import { certifiedInWords } from '../../report/certified-share.ts'
import { REPORT_FILE, reportFault } from '../../report/sealed.ts'
import { counted } from '../../terminal/numbers.ts'
import type { VerifyOptions } from './options.ts'

export async function verify({ directory, base }: VerifyOptions, run: Run): Promise<Verified> {
  const { plan } = readSignedPlan(directory)
  const { name, hash } = plan.offer.model
  const model = base ?? EMBEDDED_MODEL
  await using engine = openEngine()
  const found = toHex(await labelled({ ...run, engine }, 'Hashing the base model', 'hash', { dir: model }))
  const wanted = toHex(hash)
  if (found !== wanted) {
    throw new UsageError({
      code: 'VERIFY_BASE',
      what: `${base === null ? 'the embedded model' : model} is not the base model: hash ${found}, the plan names ${wanted}`,
      hint: `Give --model the directory of ${shown(name)} with the hash ${wanted}.`,
    })
  }
  const verified = await verifyDirectory({
    engine,
    dir: directory,
    base: model,
    signal: run.signal,
    onProgress: (done, total) => run.terminal.progress('Merging again', done, total),
  })
  checkReport(join(directory, REPORT_FILE), verified)
  for (const note of verified.notes) run.terminal.note(`note: model/${note}`)
  run.terminal.say(
    [
      `Verified: ${counted(verified.rounds, 'round')}, ${counted(verified.signatures, 'signature')}, ` +
        'all contributions, the merge and the model.',
      ...certifiedInWords(verified.certified),
      `root ${verified.root}`,
    ].join('\n'),
  )
  return verified
}

/**
 * Checks report.json. A report proves nothing, so it may be missing; if it exists, it must be whole and agree with the
 * result. @throws {DivergedError} VERIFY_FAILED
 */
function checkReport(path: string, verified: Verified): void {
  if (!existsSync(path)) return
  const fault = reportFault(readFileSync(path, 'utf8'), verified)
  if (fault === null) return
  throw new DivergedError({
    code: 'VERIFY_FAILED',
    what: `not verified: ${path} ${fault}`,
    hint: 'Plan, certificates, contributions and model did verify: fetch the report again, or remove it.',
  })
}
