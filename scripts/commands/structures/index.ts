/**
 * `coppice structures`: lists the units of a model that can be removed together, so that a whole model of smaller
 * tensors is left.
 */
import type { Command } from 'commander'
import type { GroupQueries } from '../../../src/structure/find/walk.ts'
import type { Start } from '../../command.ts'
import { withModel } from '../../hub/given.ts'
import { addJsonOption } from '../../options/output.ts'
import { addModelOption, modelOptions, type RawSite } from '../../options/site.ts'
import { GROUP_QUERIES, groupQueriesOption } from '../../options/structure.ts'
import { addHelp } from '../../terminal/help.ts'

export function defineStructures(program: Command, start: Start): void {
  const command = program
    .command('structures')
    .summary('which heads and channels of a model belong together')
    .description(
      'Finds from the graph which attention heads and channels can only be removed together, which tensors each of them takes with it, and how many a ratio would remove. Changes nothing.',
    )
  addJsonOption(addModelOption(command).addOption(groupQueriesOption()))
  addHelp(command, ['coppice structures --model models/embedded'], ['input', 'network', 'output'])
  command.action((raw: RawSite & { json?: boolean; groupQueries?: GroupQueries }) => {
    const { groupQueries = GROUP_QUERIES[0] } = raw
    const given = modelOptions(raw)
    return start(raw.json === true, async (run) => {
      const { model } = await withModel(given, run)
      return (await import('./handler.ts')).structures(model, groupQueries, run)
    })
  })
}
