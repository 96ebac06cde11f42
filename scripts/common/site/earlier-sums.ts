/**
 * The words for a person whose text was in sums of an earlier federation, before it is in those of another one: the
 * difference of both sums may show what a single site has offered.
 */
import type { TextLedger, TotalConflict } from '../../../peers/kept/text-ledger.ts'
import type { Plan } from '../../../protocols/plan/plan.ts'
import { type SiteLabel, siteInWords } from '../../../protocols/plan/site-name.ts'
import { textFingerprint } from '../../../src/files/fingerprint.ts'
import type { Windows } from '../../../src/form/windows.ts'

/** The digits of a federation's id in messages. */
const SHOWN_DIGITS = 8

/**
 * Whose part the sums of a plan would show, together with those of earlier federations on the same text; null: nobody's
 * that can be told from here. An open plan has no sums.
 */
export function earlierSumsText(ledger: TextLedger, plan: Plan, calibration: Windows): string | null {
  if (!plan.offer.masked) return null
  const conflicts = ledger.conflictsOf(textFingerprint(calibration), plan.members)
  return conflicts.length === 0 ? null : conflicts.map(inWords).join('\n')
}

function inWords({ federation, at, gone, come }: TotalConflict): string {
  const day = new Date(at).toISOString().slice(0, 'yyyy-mm-dd'.length)
  return [
    `Your text was in sums before, in federation ${federation.slice(0, SHOWN_DIGITS)} on ${day}, with other members:`,
    ...gone.map((site) => `  ${siteInWords(site)} was there, and is not here.`),
    ...come.map((site) => `  ${siteInWords(site)} is here, and was not there.`),
    `If the others use the same texts again, whoever has both sums can subtract them, and sees ${seen(gone, come)}.`,
  ].join('\n')
}

/** The part of the text that the difference of both sums shows. */
function seen(gone: readonly SiteLabel[], come: readonly SiteLabel[]): string {
  if (gone.length === 0) return partOf(come)
  return come.length === 0 ? partOf(gone) : `${partOf(gone)}, less ${partOf(come)}`
}

function partOf(sites: readonly SiteLabel[]): string {
  const names = sites.map(siteInWords).join(', ')
  return sites.length === 1 ? `what ${names} alone offers` : `the sum of what ${names} offer`
}
