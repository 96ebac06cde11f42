/** Addresses of peers: parsing, order, and the peer id at their end. */
import type { Multiaddr } from '@multiformats/multiaddr'
import { multiaddr } from '@multiformats/multiaddr'
import { UsageError } from '../../src/base/errors.ts'

/** The protocols behind the port: none but libp2p's own, a WebSocket, or one in TLS. */
const FORMS = ['', 'ws', 'tls/ws', 'wss']

/** @throws {UsageError} the text is no multiaddr of TCP or of a WebSocket */
export function parseAddress(text: string, option: string): Multiaddr {
  try {
    const address = multiaddr(text)
    const [, transport, ...rest] = address.getComponents().map(({ name }) => name)
    if (transport === 'tcp' && FORMS.includes(rest.filter((name) => name !== 'p2p').join('/'))) return address
  } catch {
    // refused below, with a message of Coppice
  }
  throw new UsageError({
    code: 'USAGE_ADDRESS',
    what: `${option}: ${JSON.stringify(text)} is not an address of the form /ip4/HOST/tcp/PORT`,
    hint: 'An address names host and port, for example /ip4/192.0.2.7/tcp/4001 or /dns4/example.org/tcp/443/tls/ws.',
  })
}

/** @throws {UsageError} as parseAddress, or it asks for TLS */
export function parseListenAddress(text: string): Multiaddr {
  const address = parseAddress(text, '--listen')
  if (!address.getComponents().some(({ name }) => name === 'tls' || name === 'wss')) return address
  throw new UsageError({
    code: 'USAGE_ADDRESS',
    what: `--listen: ${text} asks for TLS, and a peer has no certificate`,
    hint: 'Listen on /ip4/127.0.0.1/tcp/4001/ws behind a reverse proxy that has one, and tell the others its address with --announce.',
  })
}

/** The peer id at the end of an address, or null. */
export function peerIdOfAddress(address: Multiaddr): string | null {
  const last = address.getComponents().findLast(({ name }) => name === 'p2p')
  return last?.value ?? null
}

/** The address with the peer id at its end. */
export function withPeerId(address: Multiaddr, peerId: string): Multiaddr {
  return peerIdOfAddress(address) === null ? address.encapsulate(`/p2p/${peerId}`) : address
}

function isLoopback(address: Multiaddr): boolean {
  const [host] = address.getComponents()
  if (host.name === 'ip4') return host.value?.startsWith('127.') ?? false
  if (host.name === 'ip6') return host.value === '::1'
  return host.value === 'localhost'
}

/** The best first: names and public addresses before private ones, loopback last and only where nothing else is. */
export function addressesToTell(addresses: Multiaddr[]): Multiaddr[] {
  const elsewhere = addresses.filter((address) => !isLoopback(address))
  const candidates = elsewhere.length > 0 ? elsewhere : addresses
  return [...candidates].sort((a, b) => rank(a) - rank(b))
}

function rank(address: Multiaddr): number {
  const [host] = address.getComponents()
  if (host.name !== 'ip4') return host.name === 'ip6' ? 3 : 0
  return isPrivate(host.value ?? '') ? 2 : 1
}

/** RFC 1918 and RFC 6598 (carrier-grade NAT); 172.16/12 is also where containers live. */
function isPrivate(ip: string): boolean {
  const [a, b] = ip.split('.').map(Number)
  return (
    a === 10 ||
    a === 127 ||
    (a === 172 && b >= 16 && b < 32) ||
    (a === 192 && b === 168) ||
    (a === 100 && b >= 64 && b < 128)
  )
}

/** The address of a machine, without port and peer id. */
export function hostOf(address: Multiaddr): string {
  return address.getComponents()[0]?.value ?? ''
}
