/** A model directory in words: its blocks and layers, and the number of their values that are zero. */
import { unprunedInWords } from '../../../protocols/plan/model-words.ts'
import { toHex } from '../../../protocols/wire/encoding.ts'
import { openEngine } from '../../../src/jobs/open-engine.ts'
import type { Run } from '../../command.ts'
import { outcomeInWords, sparsityOf, weightsOf } from '../../common/block-matrices.ts'
import { describe, labelled } from '../../common/engine.ts'
import { table } from '../../report/table.ts'
import { bytes, counted, grouped, percent } from '../../terminal/numbers.ts'

interface ModelReport {
  /** As plans and certificates name the model: SHA-256, hexadecimal. */
  hash: string
  /** Element types of the layers' weights, as ONNX names them. */
  types: string[]
  /** Bytes of the graph and the weights. */
  bytes: number
  parameters: number
  blocks: number
  /** `zeros`: number of values equal to 0. */
  layers: Array<{ name: string; block: number; shape: [out: number, cols: number]; zeros: number }>
  /** Weight matrices in the blocks that are not layers and are not pruned. */
  unpruned: Array<{ name: string; block: number; weights: number; zeros: number; reason: string }>
}

/** @param showsLayers - whether there is a row for each layer */
export async function inspectModel(dir: string, run: Run, showsLayers: boolean): Promise<ModelReport> {
  await using engine = openEngine({ meter: run.meter.jobs })
  const work = { ...run, engine }
  const { parameters, blocks, layers, unpruned, types, bytes: size } = await describe(work, dir)
  const hash = toHex(await labelled(work, 'Hashing the model', 'hash', { dir }))
  const zeros = await labelled(work, 'Counting zeros', 'zeros', { dir })
  const report: ModelReport = {
    hash,
    types,
    bytes: size,
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
  run.terminal.say(
    [
      `${grouped(parameters)} parameters, ${counted(blocks, 'block')}, ${counted(layers.length, 'layer')}; weights in ${types.join(', ')}, ${bytes(size)} in all.`,
      outcomeInWords(sparsityOf({ layers, unpruned }, zeros), false),
      ...unprunedInWords(weightsOf({ layers, unpruned }), 'pruned'),
      `Hash ${hash}`,
    ].join('\n'),
  )
  if (showsLayers) run.terminal.say(`\n${layerTable(report)}`)
  return report
}

function layerTable({ layers }: ModelReport): string {
  const rows = layers.map(({ name, block, shape: [out, input], zeros }) => [
    `${block}  ${name}`,
    `${out} x ${input}`,
    grouped(zeros),
    percent(zeros / (out * input)),
  ])
  return table([['block and layer', 'out x in', 'zeros', 'sparsity'], ...rows])
}
