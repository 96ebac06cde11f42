/** Options for the addresses of a peer. */
import { type Command, Option } from 'commander'
import { parseAddress, parseListenAddress } from '../../peers/network/addresses.ts'
import { DEFAULT_LISTEN } from '../../peers/network/constants.ts'
import { UsageError } from '../../src/base/errors.ts'
import { refuseConflict } from './values.ts'

export interface NetworkOptions {
  /** The multiaddr on which it listens, as text; null: this peer only dials out. */
  listen: string | null
  /** The multiaddr that others are told; null: those on which this peer listens. */
  announce: string | null
  /** The URL of the HTTP proxy through which WebSockets are dialled, with a password if it wants one; null: none. */
  proxy: string | null
}

export interface RawNetwork {
  listen?: string | false
  announce?: string
  proxy?: string
}

export function addNetworkOptions(command: Command): Command {
  return addProxyOption(command)
    .addOption(
      new Option(
        '--listen <multiaddr>',
        `where to listen (default: ${DEFAULT_LISTEN}; port 0: any that is free)`,
      ).argParser((text) => parseListenAddress(text).toString()),
    )
    .addOption(
      new Option(
        '--announce <multiaddr>',
        'the address to tell the others, if it differs from the one listened on',
      ).argParser((text) => parseAddress(text, '--announce').toString()),
    )
}

export function addNoListenOption(command: Command): Command {
  return command.option('--no-listen', 'only dial out')
}

/** The only proxy that is used: that of HTTPS_PROXY and the like is not. */
export function addProxyOption(command: Command): Command {
  return command.addOption(
    new Option(
      '--proxy <url>',
      'HTTP proxy that is asked to CONNECT to addresses ending in /tls/ws or /ws, as in http://proxy.example.org:3128; others are dialled directly',
    ).argParser(proxyUrl),
  )
}

export function networkOptions({ listen = DEFAULT_LISTEN, announce, proxy }: RawNetwork): NetworkOptions {
  if (listen === false) {
    if (announce !== undefined)
      refuseConflict('--announce needs a peer that listens', 'Leave out --no-listen or --announce.')
    return { listen: null, announce: null, proxy: proxy ?? null }
  }
  return { listen, announce: announce ?? null, proxy: proxy ?? null }
}

/** @throws {UsageError} USAGE_PROXY. It does not repeat the URL, which may hold a password */
function proxyUrl(text: string): string {
  const url = URL.parse(text)
  if (url !== null && ['http:', 'https:'].includes(url.protocol) && url.pathname === '/') return url.href
  throw new UsageError({
    code: 'USAGE_PROXY',
    what: '--proxy is not a URL of the form http://HOST:PORT',
    hint: 'For example --proxy http://proxy.example.org:3128, or http://USER:PASSWORD@proxy.example.org:3128.',
  })
}
