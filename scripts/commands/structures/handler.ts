/** The work of `coppice structures`: describes the structures of each block, and the units that ratios would remove. */
import { openEngine } from '../../../src/jobs/open-engine.ts'
import {
  describeRatio,
  type MemberDescription,
  type RatioDescription,
  type StructureDescription,
} from '../../../src/structure/choose/describe.ts'
import type { GroupQueries } from '../../../src/structure/find/walk.ts'
import type { Run } from '../../command.ts'
import { describe, labelled } from '../../common/engine.ts'
import { table } from '../../report/table.ts'
import { counted, grouped, percent } from '../../terminal/numbers.ts'

/**
 * Shares of heads and channels in every block, in parts per million: from what costs little to what costs a model its
 * use without recovery.
 */
const SHARES: readonly number[] = [100_000, 200_000, 250_000, 330_000, 500_000]

interface StructuresReport {
  model: string
  parameters: number
  blocks: number
  structures: StructureDescription[]
  /** The units that a ratio would remove if it held for every block. */
  ratios: RatioDescription[]
}

export async function structures(dir: string, groupQueries: GroupQueries, run: Run): Promise<StructuresReport> {
  await using engine = openEngine()
  const work = { ...run, engine }
  const { name, parameters, blocks } = await describe(work, dir)
  const found = await labelled(work, 'Following axes', 'structures', { dir, groupQueries })
  const ratios = SHARES.map((ppm) => describeRatio(found, ppm))
  const report: StructuresReport = { model: name, parameters, blocks, structures: found, ratios }
  run.terminal.say(inWords(report))
  return report
}

function inWords({ model, parameters, blocks, structures: found, ratios }: StructuresReport): string {
  const alike = groups(found)
  const rows = alike.map(({ blocks: where, example }) => [
    `${ranges(where)}  ${example.kind}`,
    grouped(example.units),
    grouped(example.parameters),
    percent((example.units * example.parameters * where.length) / parameters),
  ])
  const pulls = alike.flatMap(({ example }) => [
    `${UNITS[example.kind]} of block ${example.block} consists of:`,
    ...example.members.map((member) => `  ${memberInWords(member)}`),
    ...(example.locked === null ? [] : [`  None can be removed: ${example.locked}.`]),
  ])
  const hasQueries = found.some(({ kind }) => kind === 'queries')
  const outcomes = ratios.map(({ ratio, heads, queries, channels, parameters: removed }) => [
    String(ratio),
    grouped(heads + queries),
    grouped(channels),
    grouped(parameters - removed),
    percent(1 - removed / parameters),
  ])
  return [
    `${model}: ${grouped(parameters)} parameters, ${counted(blocks, 'block')}.`,
    table([['blocks and structure', 'units', 'parameters each', 'of the model'], ...rows]),
    pulls.join('\n'),
    table([
      ['ratio of every block', hasQueries ? 'query heads' : 'heads', 'channels', 'parameters left', 'of the model'],
      ...outcomes,
    ]),
    hasQueries
      ? 'The same number of queries is removed from each group that shares keys and values; keys and values stay. A small ratio may remove none.'
      : 'Heads are removed whole, keys and values with the queries that read them. A small ratio may remove none.',
  ].join('\n\n')
}

const UNITS = { heads: 'A head', queries: 'A query head', channels: 'A channel' } as const

function memberInWords({ name, along, places }: MemberDescription): string {
  const of = name ?? 'a constant'
  if (along === 'outputs') return `${counted(places, 'output')} of ${of}`
  if (along === 'inputs') return `${counted(places, 'input')} of ${of}`
  return `${counted(places, 'place')} of ${of}`
}

/** Groups the structures of several blocks that differ only in names. */
function groups(found: readonly StructureDescription[]): { blocks: number[]; example: StructureDescription }[] {
  const alike = new Map<string, { blocks: number[]; example: StructureDescription }>()
  for (const example of found) {
    const { block, members, ...form } = example
    const key = JSON.stringify({ ...form, members: members.map((member) => ({ ...member, name: null })) })
    const known = alike.get(key)
    if (known) known.blocks.push(block)
    else alike.set(key, { blocks: [block], example })
  }
  return [...alike.values()]
}

/** Ascending numbers with runs shortened: 0-3, 5. */
function ranges(numbers: readonly number[]): string {
  const runs: [first: number, last: number][] = []
  for (const number of numbers) {
    const run = runs.at(-1)
    if (run !== undefined && run[1] === number - 1) run[1] = number
    else runs.push([number, number])
  }
  return runs.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(', ')
}
