/** Pictures of layers: zeros, the pruner's own error, damping, and how far the sites' masks agree. */
import { percent } from '../../terminal/numbers.ts'
import type { Chart } from '../html/chart.ts'
import { gridChart } from '../html/charts/grid.ts'
import type { Section } from '../html/section.ts'
import type { LayerReport } from '../layers.ts'

/** Values that differ by less have the same number in words. */
const SAME = 5e-4

const ERROR =
  "The error is the pruner's own loss as a share of that of a layer of zeros: the sum over all zeroed weights of w² " +
  'times the mean square of its input (Wanda), of w² (magnitude), or of what stays when the kept weights have made up ' +
  'for it (SparseGPT), divided by the same sum over all weights.'

const AGREEMENT =
  "Agreement: of the weights that one site's mask zeroes, the share that another site's zeroes as well, a mean over " +
  'all pairs of sites. Masks drawn by chance would agree as much as they have zeros.'

interface Layers {
  layers: readonly LayerReport[]
  /** On which text the figures were taken, and how many windows of it. */
  protocol: readonly string[]
}

/** Sparsity, error and damping: each with a picture if layers differ in it, and a sentence if they do not. */
export function layersSection({ layers, protocol }: Layers): Section {
  const sparsity = layers.map(sparsityOf)
  const error = layers.map((layer) => layer.error)
  const damping = layers.map((layer) => layer.damping)
  const charts = [
    varies(error) ? layerGrid('Error of each layer', layers, error, shortPercent) : null,
    varies(sparsity) ? layerGrid('Zeros of each layer', layers, sparsity, shortPercent) : null,
    varies(damping) ? layerGrid('Damping of each layer', layers, damping, String) : null,
  ]
  const alike = [
    same(sparsity, (value) => `All layers have ${percent(Number(value.toFixed(4)))} zeros.`),
    same(damping, (value) => `All needed the same damping: ${value} of the mean diagonal of the Hessian.`),
  ]
  const read =
    'Rows are the layers of a block, columns the blocks from the first to the last. The stronger the colour, the larger the number.'
  return {
    id: 'layers',
    title: 'Layer by layer',
    read: [...(charts.some((chart) => chart !== null) ? [read] : []), ...alike.filter((words) => words !== null)].join(
      ' ',
    ),
    charts: charts.filter((chart) => chart !== null),
    protocol: [
      'Zeros are counted in the written file.',
      ...(error.some((value) => value !== null) ? [ERROR] : []),
      ...(damping.some((value) => value !== null)
        ? ["Damping is what SparseGPT adds to the diagonal of a layer's Hessian so that it can be factorised."]
        : []),
      ...protocol,
    ],
    table: {
      head: ['layer', 'block', 'out', 'in', 'zeros', 'sparsity', 'error', 'damping'],
      rows: layers.map((layer) => [
        layer.name,
        ...[layer.block, ...layer.shape, layer.zeros].map(String),
        percent(sparsityOf(layer)),
        layer.error === null ? '–' : percent(layer.error),
        layer.damping === null ? '–' : String(layer.damping),
      ]),
    },
  }
}

/** Agreement of the sites' masks. @param whose - the federation whose masks they are, in words */
export function agreementSection({ layers, protocol }: Layers, whose: string): Section {
  const agreement = layers.map((layer) => layer.agreement)
  return {
    id: 'agreement',
    title: "How far the sites' masks agree",
    read: `The stronger a layer's colour, the more the sites agree on which of its weights are not needed. These are ${whose}.`,
    charts: [layerGrid("Agreement of the sites' masks in each layer", layers, agreement, shortPercent)],
    protocol: [AGREEMENT, ...protocol],
    table: {
      head: ['layer', 'block', 'agreement'],
      rows: layers.map((layer) => [
        layer.name,
        String(layer.block),
        layer.agreement === null ? '–' : percent(layer.agreement),
      ]),
    },
  }
}

function layerGrid(
  label: string,
  layers: readonly LayerReport[],
  values: readonly (number | null)[],
  format: (value: number) => string,
): Chart {
  const blocks = [...new Set(layers.map(({ block }) => block))].sort((a, b) => a - b)
  const roles = rolesOf(layers)
  const byPlace = new Map(layers.map((layer, i) => [`${layer.block}/${roles.of[i]}`, values[i]]))
  return gridChart({
    label,
    isTitled: true,
    columns: blocks.map(String),
    rows: roles.names,
    values: roles.names.map((name) => blocks.map((block) => byPlace.get(`${block}/${name}`) ?? null)),
    format,
  })
}

/**
 * A short name for each role: what differs between the layers of a block, such as q_proj. Layers of two blocks have one
 * role if they stand at the same place in them.
 */
function rolesOf(layers: readonly LayerReport[]): { names: string[]; of: string[] } {
  const placed = layers.map((layer, i) => ({
    layer,
    place: layers.slice(0, i).filter(({ block }) => block === layer.block).length,
  }))
  const names: string[] = []
  for (const { layer, place } of placed) names[place] ??= uniqueName(shortName(layer.name), place, names)
  return { names, of: placed.map(({ place }) => names[place]) }
}

/** '/model/layers.0/self_attn/q_proj/MatMul' -> 'q_proj': the last part of a name that is more than an operator. */
function shortName(name: string): string {
  const parts = name.split(/[/.]/).filter((part) => part !== '' && !/^(MatMul|Gemm|weight|kernel|\d+)$/i.test(part))
  return parts.at(-1) ?? name
}

function uniqueName(name: string, place: number, names: readonly string[]): string {
  return names.includes(name) ? `${name} (${place})` : name
}

function sparsityOf({ shape: [out, cols], zeros }: LayerReport): number {
  return zeros / (out * cols)
}

function varies(values: readonly (number | null)[]): boolean {
  const known = values.filter((value) => value !== null)
  return known.length > 0 && Math.max(...known) - Math.min(...known) > SAME
}

/** The words for a value that all layers have; null: they differ, or none has one. */
function same(values: readonly (number | null)[], words: (value: number) => string): string | null {
  const [first] = values
  return first == null || varies(values) ? null : words(first)
}

function shortPercent(share: number): string {
  return `${Number((100 * share).toPrecision(2))} %`
}
