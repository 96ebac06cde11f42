/** The process that runs tokenizers (tokenizer-process.ts), seen from the process that asks it. */
import { type ChildProcess, fork } from 'node:child_process'
import { extname } from 'node:path'
import { InputError, refusalFromObject, type refusalToObject } from '../../base/errors.ts'

/** The requests to the process, and its answers. */
type TokenizerTask =
  | { open: { path: string; rows: number | null } }
  | { encode: { tokenizer: number; documents: readonly string[] } }
  | { close: { tokenizer: number } }
export type TokenizerAnswer =
  | { opened: OpenedTokenizer }
  | EncodedDocuments
  | { closed: true }
  | { refusal: NonNullable<ReturnType<typeof refusalToObject>> }

export interface OpenedTokenizer {
  tokenizer: number
  /** Tokens for which the embedding has no row. */
  beyond: [id: number, token: string][]
}

/** The ids of documents, one document after the other, and the number of ids of each. */
export interface EncodedDocuments {
  ids: Int32Array<ArrayBuffer>
  counts: Uint32Array<ArrayBuffer>
}

export type TokenizerRequest = { id: number } & TokenizerTask
export type TokenizerReply = { id: number } & (TokenizerAnswer | { stack: string })

/** The number of characters kept of the process's last output: enough for the line with the reason. */
const MAX_LAST_WORDS = 2000

interface Pending {
  resolve(answer: TokenizerAnswer): void
  reject(error: unknown): void
  path: string
}

/** A running process. It keeps this process from ending only while a request is open. */
export class TokenizerChild {
  ended = false
  private readonly child: ChildProcess
  private readonly pending = new Map<number, Pending>()
  private lastWords = ''
  private nextId = 0

  constructor() {
    const program = new URL(`./tokenizer-process${extname(import.meta.url)}`, import.meta.url)
    this.child = fork(program, {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, RUST_BACKTRACE: '0' },
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.lastWords = (this.lastWords + text).slice(0, MAX_LAST_WORDS)
    })
    this.child.on('message', (reply: TokenizerReply) => this.receive(reply))
    this.child.once('error', (error) => this.fail(() => error))
    // The event is 'close', not 'exit': at its exit its last words may still be on the way.
    this.child.once('close', (code, signal) => this.fail(({ path }) => endedWith(path, this.lastWords, signal ?? code)))
    this.hold(false)
  }

  /**
   * @param path - the tokenizer's path, for messages
   * @throws {InputError} TOKENIZER_FAILED, and the codes that the process answers
   */
  ask(task: TokenizerTask, path: string): Promise<TokenizerAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<TokenizerAnswer>()
    const id = this.nextId++
    this.pending.set(id, { resolve, reject, path })
    if (this.ended) this.fail(() => endedWith(path, this.lastWords, 'an earlier text'))
    else {
      this.hold(true)
      this.child.send({ id, ...task } satisfies TokenizerRequest, (error) => {
        if (error) this.fail(() => endedWith(path, this.lastWords, error.message))
      })
    }
    return promise
  }

  kill(): void {
    this.ended = true
    this.child.kill('SIGKILL')
  }

  private receive({ id, ...answer }: TokenizerReply): void {
    const job = this.pending.get(id)
    this.pending.delete(id)
    if (this.pending.size === 0) this.hold(false)
    if ('refusal' in answer) job?.reject(refusalFromObject(answer.refusal))
    else if ('stack' in answer) job?.reject(Object.assign(new Error('the tokenizer failed'), { stack: answer.stack }))
    else job?.resolve(answer)
  }

  private fail(error: (job: Pending) => unknown): void {
    this.ended = true
    for (const job of this.pending.values()) job.reject(error(job))
    this.pending.clear()
  }

  /** Whether this process waits for the other before it ends. */
  private hold(on: boolean): void {
    const { stderr, channel } = this.child
    for (const each of [this.child, channel, stderr as unknown as { ref(): void; unref(): void }])
      on ? each?.ref() : each?.unref()
  }
}

/** Rust's message before it ends: a line with the place, and one with the reason. */
const PANIC = /panicked at [^\n]*\n([^\n]+)/

function endedWith(path: string, lastWords: string, end: string | number | null): InputError {
  return new InputError({
    code: 'TOKENIZER_FAILED',
    what: `${path} makes Hugging Face's tokenizers library fail: ${PANIC.exec(lastWords)?.[1] ?? `it ended with ${end}`}`,
    hint: 'Check that the Python library tokenizers can load it, and that there is enough memory for the text.',
  })
}
