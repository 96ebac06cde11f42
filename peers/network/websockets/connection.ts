/**
 * A connection of @libp2p/websockets, with repairs: that library sends each piece of a packet as a message of its own,
 * cannot pause, does not close what is aborted (it gives ws a code that ws refuses), and lets an error of ws, as any
 * stranger can cause, end the process.
 */
import { Socket } from 'node:net'
import type { MultiaddrConnection } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { WebSocket } from 'ws'
import { WEBSOCKET_PIECE_BYTES } from '../constants.ts'
import { writeAtOnce } from '../counted-tcp.ts'

/** Call before anything is written. @returns the socket beneath: of TLS, where there is TLS */
export function repair(connection: MultiaddrConnection): Socket {
  const { websocket, socket } = partsOf(connection)
  // Were these methods ever renamed, the tests of WebSockets would say so.
  if (!('sendData' in connection && typeof connection.sendData === 'function')) throw new TypeError('a mute WebSocket')
  for (const name of ['sendReset', 'sendPause', 'sendResume'])
    if (!(name in connection)) throw new TypeError(`a WebSocket connection without ${name}`)
  websocket.on('error', () => {}) // it closes, and that is heard
  const send = connection.sendData.bind(connection)
  Object.assign(connection, {
    sendReset: () => websocket.terminate(),
    sendPause: () => websocket.pause(),
    sendResume: () => websocket.resume(),
    sendData: (data: Uint8ArrayList) => send(inPieces(data)),
  })
  writeAtOnce(connection, socket)
  return socket
}

/** The same bytes in pieces of which each is a message. */
function inPieces(data: Uint8ArrayList): Uint8ArrayList {
  const pieces = new Uint8ArrayList()
  for (let at = 0; at < data.byteLength; at += WEBSOCKET_PIECE_BYTES)
    pieces.append(data.subarray(at, Math.min(data.byteLength, at + WEBSOCKET_PIECE_BYTES)))
  return pieces
}

/** Both are private; were they ever renamed, the tests of WebSockets would say so. */
function partsOf(connection: MultiaddrConnection): { websocket: WebSocket; socket: Socket } {
  const websocket = 'websocket' in connection ? connection.websocket : null
  if (!(websocket instanceof WebSocket && '_socket' in websocket && websocket._socket instanceof Socket))
    throw new TypeError('a WebSocket connection without its socket')
  return { websocket, socket: websocket._socket }
}
