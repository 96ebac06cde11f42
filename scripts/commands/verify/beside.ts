/** The files of an output directory that prove nothing: the reports, and whatever is no result of a peer. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PLAN_FILE } from '../../../peers/kept/federation.ts'
import { CERTIFICATES_NAME, CONTRIBUTIONS_NAME, MODEL_NAME } from '../../../peers/round/output.ts'
import type { Verified } from '../../../peers/verify/directory.ts'
import { DivergedError } from '../../../src/base/errors.ts'
import { REPORT_PAGE } from '../../../src/files/report-page.ts'
import { REPORT_FILE, reportFault } from '../../report/sealed.ts'

const RESULTS = new Set([PLAN_FILE, CERTIFICATES_NAME, CONTRIBUTIONS_NAME, MODEL_NAME, REPORT_FILE, REPORT_PAGE])

/**
 * Checks report.json. It may be missing; if it exists, it must be whole and agree with the result.
 * @returns a sentence on it if it is missing, and one on each file that is no result
 * @throws {DivergedError} VERIFY_FAILED
 */
export function notesBeside(directory: string, verified: Verified): string[] {
  const strays = readdirSync(directory).filter((name) => !RESULTS.has(name))
  const notes = strays.map((name) => `${name} is no result of a federation, and was not looked at`)
  const path = join(directory, REPORT_FILE)
  if (!existsSync(path)) return [`${REPORT_FILE} is missing; it proves nothing that the other files do not`, ...notes]
  const fault = reportFault(readFileSync(path, 'utf8'), verified)
  if (fault === null) return notes
  throw new DivergedError({
    code: 'VERIFY_FAILED',
    what: `not verified: ${path} ${fault}`,
    hint: 'Plan, certificates, contributions and model did verify: fetch the report again, or remove it.',
  })
}
