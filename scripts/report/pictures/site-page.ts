/** The page of one site of a federation, while it runs and at its end. */
import { shown } from '../../../protocols/plan/site-name.ts'
import { bytes, counted, duration, percent } from '../../terminal/numbers.ts'
import type { MemberReport } from '../federation.ts'
import type { Fact, Page } from '../html/page.ts'
import { machineInWords } from '../machine.ts'
import { agreementSection, layersSection } from './layers.ts'
import { comparedSections, siteModels } from './perplexity.ts'
import { calibrationWords, methodWords, planSources } from './plan-words.ts'
import { siteLabels } from './site-names.ts'
import { timesSection } from './times.ts'
import { offersSection, trafficSection } from './traffic.ts'

/** A report, of which the end may not be there yet. */
interface SiteView extends Pick<MemberReport, 'coppice' | 'plan' | 'peer' | 'members' | 'times' | 'machine'> {
  /** The work at hand, in a sentence. */
  now: string
  /** null: it still runs. */
  end: Pick<
    MemberReport,
    'root' | 'sparsity' | 'perplexity' | 'left' | 'layers' | 'errorOf' | 'seconds' | 'rounds'
  > | null
}

export function sitePage({ plan, peer, members, times, machine, coppice, now, end }: SiteView): Page {
  const sites = siteLabels(members)
  const self = sites[members.findIndex((member) => member.peer === peer)] ?? 'this site'
  const calibration = calibrationWords(plan)
  const offers = times === null ? null : offersSection(times, sites)
  const texts = end?.perplexity ?? null
  const layers = end?.layers ?? null
  return {
    title: `${self}, one of ${counted(members.length, 'site')} that prune ${shown(plan.model.name)}`,
    lead: `${methodWords(plan)}. ${now}`,
    facts: end === null ? [] : factsOf(plan.structures !== undefined, end),
    sections: [
      ...(texts === null || texts.length === 0
        ? []
        : comparedSections({
            texts,
            base: texts.map(({ base }) => base),
            models: siteModels(texts),
            protocol: ['Measured here, on text that was kept out of calibration or named by --eval.', calibration],
          })),
      ...(layers === null
        ? []
        : [layersSection({ layers, protocol: [...errorWords(end?.errorOf ?? null), calibration] })]),
      ...(layers?.some(({ agreement }) => agreement !== null)
        ? [agreementSection({ layers, protocol: [calibration] }, 'the masks in the last certificate')]
        : []),
      ...(times === null ? [] : [timesSection({ times, sites, clock: self, protocol: [] })]),
      ...(end === null
        ? []
        : [
            trafficSection(
              [{ ...end.left, site: self }],
              end.left.whole ? [] : ['The bytes begin with this process: an earlier one of this site is not in them.'],
            ),
          ]),
      ...(offers === null ? [] : [offers]),
    ],
    sources: [
      ...planSources(plan),
      ...(end === null ? [] : ([['Root', end.root]] as const)),
      ['Peer id', peer],
      ['Machine', machineInWords(machine)],
      ['Written by', `Coppice ${coppice}`],
    ],
  }
}

function errorWords(of: NonNullable<SiteView['end']>['errorOf']): string[] {
  if (of === null) return []
  return [
    of === 'plan'
      ? 'Error and damping are those of the merge, which has pruned once for all sites.'
      : "Error and damping are those of this site's own pruning, before the merge.",
  ]
}

function factsOf(isStructured: boolean, { sparsity, left, rounds, seconds }: NonNullable<SiteView['end']>): Fact[] {
  return [
    ['Rounds', String(rounds.length)],
    [isStructured ? 'Removed' : 'Zeros', percent(Number(sparsity.toFixed(4)))],
    ['Sent', bytes(left.sentBytes)],
    ['Received', bytes(left.receivedBytes)],
    ['Time', duration(seconds)],
  ]
}
