/** `coppice plan`: shows the plan behind an invitation. */
import type { Command } from 'commander'
import type { Start } from '../../command.ts'
import { addProxyOption } from '../../options/network.ts'
import { addJsonOption } from '../../options/output.ts'
import { addHelp } from '../../terminal/help.ts'
import { showPlanOptions } from './options.ts'

export function definePlan(program: Command, start: Start): void {
  const command = program
    .command('plan')
    .summary('show the plan of an invitation, without taking part')
    .description(
      'Fetches the plan of an invitation and shows it, the data that would leave a site, and the sites that have ' +
        'joined. Signs nothing, and needs neither model nor text.',
    )
    .argument('[invitation]', 'the invitation, ADDRESS#OFFER.SECRET, as the founder printed it')
  addJsonOption(addProxyOption(command))
  addHelp(command, ['coppice plan /ip4/192.0.2.7/tcp/4001/p2p/12D3KooW...#OFFER.SECRET'], ['refused', 'network'])
  command.action((address: string | undefined, raw: { json?: boolean; proxy?: string }) => {
    const options = showPlanOptions(address, raw.proxy ?? null)
    return start(raw.json === true, async (run) => (await import('./handler.ts')).plan(options, run))
  })
}
