/**
 * report.json: a report and its digest, so that `verify` notices a flipped bit there too. The digest guards against
 * damage, not against a liar, who can compute it as well. The root and the federation in the report are checked
 * separately.
 */
import { createHash } from 'node:crypto'

export const REPORT_FILE = 'report.json'

/** The text of report.json: the report with the additional key `digest`. */
export function sealedReport(report: object): string {
  return rendered({ ...report, digest: digestOf(report) })
}

/** The entries of a report that `verify` finds out for itself. */
interface ReportedOutcome {
  federation: string
  root: string
}

/** @returns the reason why the text is not the report of that outcome as it was written; null if it is */
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
  const { plan, result } = report // of `simulate`; reports of `peer` and `join` have both at the top
  if ((isObject(plan) ? plan['id'] : report['federation']) !== federation) return 'is of another federation'
  if ((isObject(result) ? result['root'] : report['root']) !== root) return 'names another root'
  return null
}

/** SHA-256 in hexadecimal of the text that the report without its digest has. */
function digestOf(report: object): string {
  return createHash('sha256').update(rendered(report)).digest('hex')
}

/** A report as JSON with line breaks, for people and programs alike. */
function rendered(report: object): string {
  return `${JSON.stringify(report, null, 2)}\n`
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
