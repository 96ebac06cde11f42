/** The page of a simulation, while it runs and at its end. */
import { shown } from '../../../protocols/plan/site-name.ts'
import { bytes, counted, duration, percent } from '../../terminal/numbers.ts'
import type { FederationReport, ReportedRound } from '../federation.ts'
import type { Fact, Page } from '../html/page.ts'
import type { Section } from '../html/section.ts'
import { machineInWords } from '../machine.ts'
import { modelSteps } from '../rounds.ts'
import { agreementSection, layersSection } from './layers.ts'
import { comparedSections, roundsSection, simulatedModels } from './perplexity.ts'
import { calibrationWords, methodWords, planSources } from './plan-words.ts'
import { siteLabels } from './site-names.ts'
import { timesSection } from './times.ts'
import { trafficSection } from './traffic.ts'

/** A report, of which the end may not be there yet. */
type FederationView = Pick<FederationReport, 'coppice' | 'plan' | 'perplexity' | 'times' | 'machine' | 'evaluated'> & {
  rounds: readonly ReportedRound[]
  peers: readonly Pick<FederationReport['peers'][number], 'id' | 'site'>[]
  /** null: it still runs. */
  end: Pick<FederationReport, 'peers' | 'result' | 'layers' | 'errorOf' | 'agreementOf' | 'seconds'> | null
}

export function federationPage(view: FederationView): Page {
  const { plan, peers, times, end, machine } = view
  const sites = siteLabels(peers.map(({ id, site }) => ({ name: site, peer: id })))
  const all =
    'All sites of this simulation ran on one machine and shared its cores. Their first work began when the models to ' +
    'compare with were measured.'
  return {
    title: `${counted(peers.length, 'site')} prune ${shown(plan.model.name)} together`,
    lead: `${methodWords(plan)}. ${calibrationWords(plan)} ${end === null ? 'It is still running.' : 'All sites ended with the same model.'}`,
    facts: factsOf(view),
    sections: [
      ...perplexitySections(view),
      ...(end === null ? [] : layerSections(view, end)),
      ...(times === null ? [] : [timesSection({ times, sites, clock: sites[0], protocol: [all] })]),
      ...(end === null
        ? []
        : [
            trafficSection(
              end.peers.map((peer, i) => ({ ...peer, site: sites[i] })),
              [],
            ),
          ]),
    ] satisfies Section[],
    sources: [
      ...planSources(plan),
      ...(end === null ? [] : ([['Root', end.result.root]] as const)),
      ['Machine', machineInWords(machine)],
      ['Written by', `Coppice ${view.coppice}`],
    ],
  }
}

function factsOf({ plan, rounds, perplexity, end }: FederationView): Fact[] {
  const grown = perplexity.map(({ dense, federated }) => federated / dense - 1)
  const mean = grown.reduce((sum, value) => sum + value, 0) / grown.length
  const sent = end?.peers.map(({ sentBytes }) => sentBytes) ?? []
  return [
    ['Rounds', end === null ? `${rounds.length} so far` : String(rounds.length)],
    ...(end === null
      ? []
      : ([
          [plan.structures === undefined ? 'Zeros' : 'Removed', percent(Number(end.result.sparsity.toFixed(4)))],
        ] as const)),
    ...(perplexity.length === 0 || rounds.length === 0
      ? []
      : ([['Perplexity, mean growth', `+${(100 * mean).toFixed(1)} %`]] as const)),
    ...(end === null
      ? []
      : ([
          ['A site has sent', bytes(sent.reduce((sum, own) => sum + own, 0) / sent.length)],
          ['Time', duration(end.seconds)],
        ] as const)),
  ]
}

function perplexitySections({ plan, perplexity, rounds, evaluated }: FederationView): Section[] {
  if (perplexity.length === 0) return []
  const steps = modelSteps(rounds, plan.merge)
  const protocol = [evaluated, calibrationWords(plan)]
  return [
    ...comparedSections({
      texts: perplexity,
      base: perplexity.map(({ dense }) => dense),
      models: simulatedModels(perplexity).filter(({ name }) => name !== 'together' || steps.length > 0),
      protocol,
    }),
    ...(steps.length === 0 ? [] : [roundsSection({ texts: perplexity, steps })]),
  ]
}

function layerSections(
  { plan }: FederationView,
  { layers, errorOf, agreementOf }: NonNullable<FederationView['end']>,
): Section[] {
  if (layers === null) return []
  const protocol = [calibrationWords(plan)]
  return [
    layersSection({ layers, protocol: [...(errorOf === null ? [] : [ERROR_OF[errorOf]]), ...protocol] }),
    ...(agreementOf === null ? [] : [agreementSection({ layers, protocol }, AGREE[agreementOf])]),
  ]
}

const ERROR_OF = {
  plan: 'Error and damping are those of the merge, which has pruned once for all sites.',
  sites: 'Each site has pruned by itself: errors are means over the sites, dampings the largest of all sites.',
}

const AGREE = {
  plan: "the masks of this plan's last certificate",
  l0: 'the masks of the comparison by votes (l0), in which each site prunes all blocks openly',
}
