/**
 * Noise and yamux, as sparing as those of other languages. Each packet costs both ends encryption, a system call and
 * some dozen events, so that many small ones cost a busy process most of its time. js-libp2p's yamux sends a packet for
 * each frame, and a frame with new room for each frame that comes; its Noise throws an error after each packet.
 */
import { noise } from '@chainsafe/libp2p-noise'
import { type YamuxMuxerInit, yamux } from '@chainsafe/libp2p-yamux'
import { StreamState, type YamuxStream } from '@chainsafe/libp2p-yamux/stream'
import type { MessageStream, StreamMuxerFactory } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { asError } from '../../../protocols/stream/errors.ts'

type Muxer = ReturnType<ReturnType<ReturnType<typeof yamux>>['createStreamMuxer']>

/** Frames that are sent together: one encrypted message of Noise has 64 KiB at most. */
const TOGETHER_BYTES = 32 * 1024

/** noise() of js-libp2p, but the error that says "no further packet" is one for all: a stack trace takes 20 us. */
export function sparingNoise(): ReturnType<typeof noise> {
  return (components) => {
    const encrypter = noise()(components)
    for (const side of ['secureOutbound', 'secureInbound'] as const) {
      const secure = encrypter[side].bind(encrypter)
      encrypter[side] = async (connection, options) => {
        const secured = await secure(connection, options)
        decodeLengthsSparingly(secured.connection)
        return secured
      }
    }
    return encrypter
  }
}

const NO_FURTHER_PACKET = new RangeError('no further packet has come')

function decodeLengthsSparingly(connection: object): void {
  // Were this field ever renamed, the test of packets would say so.
  const decoder = 'decoder' in connection ? connection.decoder : null
  if (typeof decoder !== 'object' || decoder === null || !('lengthDecoder' in decoder)) {
    throw new TypeError('a Noise connection without its decoder')
  }
  decoder.lengthDecoder = lengthOfPacket
}

function lengthOfPacket(bytes: Uint8ArrayList): number {
  if (bytes.byteLength < 2) throw NO_FURTHER_PACKET
  return bytes.getUint16(0)
}

/** yamux() of js-libp2p, but frames are sent together, and room is told when a quarter of it is used. */
export function sparingYamux(init: YamuxMuxerInit): () => StreamMuxerFactory<Muxer> {
  return () => {
    const factory = yamux(init)()
    const create = factory.createStreamMuxer.bind(factory)
    factory.createStreamMuxer = (connection) => {
      const muxer = create(connection)
      sendTogether(muxer, connection)
      tellRoomLater(muxer)
      return muxer
    }
    return factory
  }
}

/** All frames of one turn of the event loop leave as one. */
function sendTogether(muxer: Muxer, connection: MessageStream): void {
  const send = muxer.send.bind(muxer)
  let waiting = new Uint8ArrayList()
  const flush = () => {
    const frames = waiting
    waiting = new Uint8ArrayList()
    if (frames.byteLength > 0) send(frames)
  }
  const flushLater = () => {
    try {
      flush()
    } catch (error) {
      muxer.abort(asError(error)) // the connection has closed meanwhile
    }
  }
  muxer.send = (frame) => {
    if (waiting.byteLength === 0) setImmediate(flushLater)
    waiting.append(frame)
    if (waiting.byteLength >= TOGETHER_BYTES) flush()
    return !connection.writableNeedsDrain
  }
  const close = muxer.close.bind(muxer)
  muxer.close = async (options) => {
    await close(options)
    flushLater() // the connection closes next
  }
}

/** The other side can still send most of a window while the news is on its way. Go's yamux waits for half of it. */
function tellRoomLater(muxer: Muxer): void {
  const create = muxer.onCreateStream.bind(muxer)
  const accept = muxer.onRemoteStream.bind(muxer)
  muxer.onCreateStream = () => tellingLater(create())
  muxer.onRemoteStream = (stream) => accept(tellingLater(stream))
}

function tellingLater(stream: YamuxStream): YamuxStream {
  const tell = stream.sendWindowUpdate.bind(stream)
  stream.sendWindowUpdate = () => {
    const isNew = stream.state === StreamState.Init || stream.state === StreamState.SYNReceived
    if (isNew || isQuarterUsed(stream)) tell()
  }
  return stream
}

function isQuarterUsed(stream: object): boolean {
  // Were these fields ever renamed, the test of packets would say so.
  if (!('recvWindow' in stream && 'recvWindowCapacity' in stream)) throw new TypeError('a yamux stream without windows')
  return Number(stream.recvWindowCapacity) <= 0.75 * Number(stream.recvWindow)
}
