/**
 * report.json: a report and the digest of it, so that `verify` notices a flipped bit there too. The digest guards
 * against damage, not against a liar, who can compute it as well; what a report says of root and federation is checked
 * apart.
 */
import { createHash } from 'node:crypto'

export const REPORT_FILE = 'report.json'

/** The text of report.json: the report with one key more, `digest`. */
export function sealedReport(report: object): string {
  return rendered({ ...report, digest: digestOf(report) })
}

/** What a report says that `verify` finds out for itself. */
interface ReportedOutcome {
  federation: string
  root: string
}

/** @returns why this is not a report of that outcome as it was written, or null */
export function reportFault(text: string, { federation, root }: ReportedOutcome): string | null {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return 'is no JSON'
  }
  if (!isObject(parsed)) return 'is no report'
  const { digest, ...report } = parsed
  if (digest !== digestOf(report) || text !== rendered(parsed)) return 'is not as it was written: its digest differs'
  const { plan, result } = report // of `simulate`; `peer` and `join` have both at the top
  if ((isObject(plan) ? plan['id'] : report['federation']) !== federation) return 'is of another federation'
  if ((isObject(result) ? result['root'] : report['root']) !== root) return 'names another root'
  return null
}

/** SHA-256 in hexadecimal of the text that the report alone would be. */
function digestOf(report: object): string {
  return createHash('sha256').update(rendered(report)).digest('hex')
}

/** For people and programs alike: JSON with line breaks. */
function rendered(report: object): string {
  return `${JSON.stringify(report, null, 2)}\n`
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
