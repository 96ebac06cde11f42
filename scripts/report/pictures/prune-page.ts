/** The page of a prune at one site alone, while it runs and at its end. */
import { modelName } from '../../../src/model/graph/directory.ts'
import { counted, duration, grouped, percent } from '../../terminal/numbers.ts'
import type { Page } from '../html/page.ts'
import type { LayerReport } from '../layers.ts'
import { type MachineReport, machineInWords } from '../machine.ts'
import type { PruneReport } from '../prune-report.ts'
import { layersSection } from './layers.ts'
import { comparedSections } from './perplexity.ts'

/** A report, of which the end may not be there yet. */
interface PruneView extends Pick<PruneReport, 'model' | 'pruner' | 'calibration'> {
  coppice: string
  machine: MachineReport
  /** Blocks that are pruned, of all. */
  done: { blocks: number; of: number }
  /** null: it still runs. */
  end: PruneReport | null
}

export function prunePage({ model, pruner, calibration, coppice, machine, done, end }: PruneView): Page {
  const protocol = [calibrationWords(calibration)]
  const layers = end?.layers.map((layer): LayerReport => ({ ...layer, agreement: null })) ?? null
  return {
    title: `${modelName(model)}, pruned by ${pruner}`,
    lead: `${protocol[0]} ${end === null ? `${done.blocks} of ${counted(done.of, 'block')} are pruned.` : ''}`,
    facts: end === null ? [] : factsOf(end),
    sections: [
      ...(end === null || end.perplexity.length === 0
        ? []
        : comparedSections({
            texts: end.perplexity,
            base: end.perplexity.map(({ dense }) => dense),
            models: [
              {
                name: 'pruned',
                colour: 'blue',
                shape: 'circle',
                values: end.perplexity.map(({ pruned }) => pruned),
              },
            ],
            protocol: ['The texts are those of --eval.', ...protocol],
          })),
      ...(layers === null ? [] : [layersSection({ layers, protocol })]),
    ],
    sources: [
      ['Base model', model],
      ...(end === null ? [] : ([['Written to', end.out]] as const)),
      ['Machine', machineInWords(machine)],
      ['Written by', `Coppice ${coppice}`],
    ],
  }
}

function calibrationWords(calibration: PruneReport['calibration']): string {
  if (calibration === null) return 'No text was used: the pruner looks at weights alone.'
  const { texts, windows, window } = calibration
  return `Calibrated on ${counted(windows, 'window')} of ${grouped(window)} tokens of ${texts.join(', ')}.`
}

function factsOf({ sparsity, zeros, perplexity, seconds }: PruneReport): Page['facts'] {
  const [first] = perplexity
  return [
    ['Zeros', percent(Number(sparsity.toFixed(4)))],
    ['Weights that are zero', grouped(zeros)],
    ...(first === undefined
      ? []
      : ([['Perplexity', `${first.dense.toFixed(2)} → ${first.pruned.toFixed(2)}`]] as const)),
    ['Time', duration(seconds.total)],
  ]
}
