/** Options for the addresses of a peer. */
import { type Command, Option } from 'commander'
import { parseAddress } from '../../peers/network/addresses.ts'
import { DEFAULT_LISTEN } from '../../peers/network/constants.ts'
import { refuseConflict } from './values.ts'

export interface NetworkOptions {
  /** The multiaddr on which it listens, as text; null: this peer only dials out. */
  listen: string | null
  /** The multiaddr that others are told; null: those on which this peer listens. */
  announce: string | null
}

export interface RawNetwork {
  listen?: string | false
  announce?: string
}

export function addNetworkOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--listen <multiaddr>',
        `where to listen (default: ${DEFAULT_LISTEN}; port 0: any that is free)`,
      ).argParser(address('--listen')),
    )
    .addOption(
      new Option(
        '--announce <multiaddr>',
        'the address to tell the others, if it differs from the one listened on',
      ).argParser(address('--announce')),
    )
}

export function addNoListenOption(command: Command): Command {
  return command.option('--no-listen', 'only dial out')
}

export function networkOptions({ listen = DEFAULT_LISTEN, announce }: RawNetwork): NetworkOptions {
  if (listen === false) {
    if (announce !== undefined)
      refuseConflict('--announce needs a peer that listens', 'Leave out --no-listen or --announce.')
    return { listen: null, announce: null }
  }
  return { listen, announce: announce ?? null }
}

function address(flag: string): (text: string) => string {
  return (text) => parseAddress(text, flag).toString()
}
