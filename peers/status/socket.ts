/**
 * The local socket of a running peer, over which other programs of the same account ask how it goes: one line with a
 * question, one line of JSON as the answer. It lies in the data directory, which is closed to other accounts and which
 * one process holds at a time; a federation's own directory has a name too long for the address of a socket.
 */
import { createHash } from 'node:crypto'
import { chmod, rm } from 'node:fs/promises'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { systemCode } from '../../src/base/system-errors.ts'

export const SOCKET_FILE = 'status.sock'

const QUESTIONS = ['status', 'invitation'] as const
export type Question = (typeof QUESTIONS)[number]

/** The longest question, its end included: longer ones are nobody's of ours. */
const MAX_QUESTION_CHARS = 32
/** The longest answer that is read: 64 members take some 20 kB. */
const MAX_ANSWER_CHARS = 1024 * 1024
/** A peer answers at once; one whose process hangs never does. */
const ANSWER_TIMEOUT_MS = 5000
/** Only the owner may connect. */
const PRIVATE_MODE = 0o600
/** Errors with which nobody listens at an address. */
const NOBODY = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ENAMETOOLONG', 'EINVAL'])

/** The address of the socket of a data directory: a file there, on Windows a named pipe of this directory. */
export function socketAddress(data: string, platform: NodeJS.Platform = process.platform): string {
  if (platform !== 'win32') return join(data, SOCKET_FILE)
  return `\\\\.\\pipe\\coppice-${createHash('sha256').update(data).digest('hex').slice(0, 32)}`
}

/** Answers questions until it is disposed of. */
export class StatusSocket implements AsyncDisposable {
  private readonly server: Server
  private readonly open = new Set<Socket>()

  private constructor(answer: (question: Question) => object) {
    this.server = createServer((socket) => {
      this.open.add(socket)
      socket.on('close', () => this.open.delete(socket))
      serve(socket, answer)
    })
  }

  /**
   * Opens the socket of a data directory that this process holds. null: this system cannot have one there, since the
   * path is too long or its file system has no sockets; the peer runs without it.
   */
  static async open(data: string, answer: (question: Question) => object): Promise<StatusSocket | null> {
    const address = socketAddress(data)
    const own = new StatusSocket(answer)
    try {
      if (process.platform !== 'win32') await rm(address, { force: true }) // a peer that was killed has left it
      await own.listen(address)
      if (process.platform !== 'win32') await chmod(address, PRIVATE_MODE)
      return own
    } catch {
      await own[Symbol.asyncDispose]()
      return null
    }
  }

  private listen(address: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject)
      this.server.listen(address, resolve)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.open) socket.destroy()
    await new Promise<void>((resolve) => this.server.close(() => resolve()))
  }
}

function serve(socket: Socket, answer: (question: Question) => object): void {
  let asked = ''
  socket.setEncoding('utf8').setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy())
  socket.on('error', () => socket.destroy()) // whoever asked has gone
  socket.on('data', (text: string) => {
    asked += text
    const end = asked.indexOf('\n')
    if (end === -1 && asked.length < MAX_QUESTION_CHARS) return
    const question = QUESTIONS.find((one) => one === asked.slice(0, end))
    if (question === undefined) return void socket.destroy()
    socket.end(`${JSON.stringify(answer(question))}\n`)
  })
}

/** Asks the peer of a data directory; null: none runs there. The answer is as JSON has it, and not checked. */
export function askPeer(data: string, question: Question): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(socketAddress(data))
    let answer = ''
    socket.setEncoding('utf8').setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy(new Error('no answer in time')))
    socket.on('error', (error) => {
      if (NOBODY.has(systemCode(error) ?? '')) resolve(null)
      else reject(error)
    })
    socket.on('connect', () => socket.write(`${question}\n`))
    socket.on('data', (text: string) => {
      answer += text
      if (answer.length > MAX_ANSWER_CHARS) socket.destroy(new Error('an answer without an end'))
    })
    socket.on('close', () => resolve(parsed(answer)))
  })
}

function parsed(answer: string): unknown {
  try {
    return JSON.parse(answer)
  } catch {
    return null // the peer has ended meanwhile
  }
}
