/** Opens a WebSocket to an address, directly or through an HTTP proxy, and counts the bytes of the socket beneath. */
import { once } from 'node:events'
import { connect, isIP, type Socket } from 'node:net'
import { type ConnectionOptions, checkServerIdentity, connect as connectSecurely } from 'node:tls'
import type { Multiaddr } from '@multiformats/multiaddr'
import { multiaddrToUri } from '@multiformats/multiaddr-to-uri'
import { HttpsProxyAgent } from 'https-proxy-agent'
import { type ClientOptions, WebSocket } from 'ws'
import { NetworkError } from '../../../src/base/errors.ts'
import { systemCode } from '../../../src/base/system-errors.ts'
import { MAX_WEBSOCKET_MESSAGE_BYTES } from '../constants.ts'
import type { TrafficCounter } from '../counted-tcp.ts'

export interface WayOut {
  counter: TrafficCounter
  /** The HTTP proxy that is asked to CONNECT; null: none. */
  proxy: URL | null
}

/** A web server answers, and opens no WebSocket: the peer behind it is not there, or there is none. */
export class NoWebSocketError extends Error {
  static name = 'NoWebSocketError'
  readonly name = 'NoWebSocketError'
}

/**
 * @throws {NetworkError} NETWORK_PROXY, NETWORK_CERTIFICATE
 * @throws {NoWebSocketError} the server answers otherwise
 * @throws as a dial of TCP does; the signal's reason where it aborted
 */
export async function openWebSocket(address: Multiaddr, signal: AbortSignal, way: WayOut): Promise<WebSocket> {
  signal.throwIfAborted()
  // The socket outlives its dial: a deadline of the dial that runs out afterwards is not for it.
  const dial = new AbortController()
  const giveUp = () => dial.abort(signal.reason)
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    return await open(new URL(multiaddrToUri(address)), dial.signal, way)
  } catch (error) {
    dial.abort()
    signal.throwIfAborted()
    throw error
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}

async function open(uri: URL, signal: AbortSignal, { counter, proxy }: WayOut): Promise<WebSocket> {
  const opening = Promise.withResolvers<WebSocket>()
  const host = uri.hostname.replace(/^\[|\]$/g, '')
  /** Certificates are for the host that was asked for, also where a proxy stands between. */
  const secure: ConnectionOptions = {
    servername: isIP(host) === 0 ? host : '',
    checkServerIdentity: (_, certificate) => checkServerIdentity(host, certificate),
  }
  const socket = proxy === null ? await connected(host, portOf(uri), signal) : null
  if (socket !== null) counter.watch(socket)
  const websocket = new WebSocket(uri, {
    perMessageDeflate: false, // ciphertext does not become shorter
    maxPayload: MAX_WEBSOCKET_MESSAGE_BYTES,
    ...(secure as object), // the types of ws have another form of it
    ...(socket !== null && {
      createConnection: () => (uri.protocol === 'wss:' ? connectSecurely({ ...secure, socket }) : socket),
    }),
    ...(proxy !== null && throughProxy(proxy, uri, signal, counter, opening.reject)),
  })
  signal.addEventListener('abort', () => {
    opening.reject(signal.reason)
    websocket.terminate()
  })
  websocket.binaryType = 'arraybuffer'
  websocket.on('error', (error) => opening.reject(untrusted(uri, error) ?? error))
  websocket.once('unexpected-response', (_, { statusCode }) =>
    opening.reject(new NoWebSocketError(`HTTP ${statusCode} and no WebSocket`)),
  )
  websocket.once('open', () => opening.resolve(websocket))
  return await opening.promise
}

/** A connection of TCP. @throws the signal's reason, or the system's error */
async function connected(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  const socket = connect({ host, port, noDelay: true, keepAlive: true })
  try {
    await once(socket, 'connect', { signal })
    return socket
  } catch (error) {
    socket.on('error', () => {}).destroy()
    throw error
  }
}

const HTTP_OK = 200
const PROXY_WANTS_PASSWORD = 407
/** The proxy lets the address through, and cannot reach it. */
const SERVER_ERROR = 500

function throughProxy(
  proxy: URL,
  uri: URL,
  signal: AbortSignal,
  counter: TrafficCounter,
  refuse: (error: Error) => void,
): ClientOptions {
  const target = `${uri.hostname}:${portOf(uri)}`
  let hasAnswered = false
  return {
    agent: new HttpsProxyAgent(proxy, { signal, noDelay: true, keepAlive: true }),
    finishRequest(request) {
      request.once('proxyConnect', ({ statusCode: status }: { statusCode: number }) => {
        hasAnswered = true
        if (status === HTTP_OK) return
        if (status >= SERVER_ERROR) refuse(new NoWebSocketError(`HTTP ${status} of the proxy ${proxy.host}`))
        else refuse(refusedByProxy(proxy, target, status))
      })
      request.once('proxy', ({ socket }: { socket: Socket }) => counter.watch(socket))
      request.prependOnceListener('error', (error) => {
        if (!hasAnswered && !signal.aborted) refuse(noProxy(proxy, error))
      })
      request.end()
    },
  }
}

function refusedByProxy(proxy: URL, target: string, status: number): NetworkError {
  return new NetworkError({
    code: 'NETWORK_PROXY',
    what: `the proxy ${proxy.host} does not connect to ${target} (HTTP ${status})`,
    hint:
      status === PROXY_WANTS_PASSWORD
        ? 'It wants to know who asks: --proxy http://USER:PASSWORD@HOST:PORT, best as the variable COPPICE_PROXY.'
        : `Ask whoever runs the proxy to allow CONNECT to ${target}.`,
  })
}

function noProxy(proxy: URL, error: Error): NetworkError {
  return new NetworkError({
    code: 'NETWORK_PROXY',
    what: `the proxy ${proxy.host} does not answer (${systemCode(error) ?? error.message})`,
    hint: 'Check the address given with --proxy.',
    cause: error,
  })
}

/** Codes of OpenSSL for a certificate that is not believed. */
const UNTRUSTED = /CERT|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER/

function untrusted(uri: URL, error: Error): NetworkError | null {
  const code = systemCode(error) ?? ''
  if (!UNTRUSTED.test(code)) return null
  return new NetworkError({
    code: 'NETWORK_CERTIFICATE',
    what: `the certificate of ${uri.host} is not trusted here (${code})`,
    hint: 'Where a house signs its own certificates, name the file of its authority: NODE_EXTRA_CA_CERTS=ca.pem before the command.',
    cause: error,
  })
}

const DEFAULT_PORTS: Record<string, number> = { 'ws:': 80, 'wss:': 443 }

function portOf({ port, protocol }: URL): number {
  return port === '' ? DEFAULT_PORTS[protocol] : Number(port)
}
