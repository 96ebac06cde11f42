/** A model directory in words: its blocks and layers, and the number of their values that are zero. */
import { unprunedInWords } from '../../../protocols/plan/model-words.ts'
import { openEngine } from '../../../src/jobs/open-engine.ts'
import type { Run } from '../../command.ts'
import { outcomeInWords, sparsityOf, weightsOf } from '../../common/block-matrices.ts'
import { describe, labelled } from '../../common/engine.ts'
import { table } from '../../report/table.ts'
import { counted, grouped, percent } from '../../terminal/numbers.ts'

interface ModelReport {
  parameters: number
  blocks: number
  /** `zeros`: number of values equal to 0. */
  layers: Array<{ name: string; block: number; shape: [out: number, cols: number]; zeros: number }>
  /** Weight matrices in the blocks that are not layers and are not pruned. */
  unpruned: Array<{ name: string; block: number; weights: number; zeros: number; reason: string }>
}

export async function inspectModel(dir: string, run: Run): Promise<ModelReport> {
  await using engine = openEngine()
  const work = { ...run, engine }
  const { parameters, blocks, layers, unpruned } = await describe(work, dir)
  const zeros = await labelled(work, 'Counting zeros', 'zeros', { dir })
  const report: ModelReport = {
    parameters,
    blocks,
    layers: layers.map(({ name, block, rows, cols }, i) => ({
      name,
      block,
      shape: [rows, cols],
      zeros: zeros.layers[i],
    })),
    unpruned: unpruned.map((matrix, i) => ({ ...matrix, zeros: zeros.unpruned[i] })),
  }
  const rows = report.layers.map(({ name, block, shape: [out, input], zeros }) => [
    `${block}  ${name}`,
    `${out} x ${input}`,
    grouped(zeros),
    percent(zeros / (out * input)),
  ])
  run.terminal.say(table([['block and layer', 'out x in', 'zeros', 'sparsity'], ...rows]))
  run.terminal.say(
    [
      ...unprunedInWords(weightsOf({ layers, unpruned }), 'pruned'),
      outcomeInWords(sparsityOf({ layers, unpruned }, zeros), false),
      `${grouped(parameters)} parameters, ${counted(blocks, 'block')}, ${counted(layers.length, 'layer')}.`,
    ].join('\n'),
  )
  return report
}
