/**
 * The tokenizer of a model directory (tokenizer.json, alone), run by Hugging Face's own library. It ends its process on
 * input that it did not expect, so it has one of its own.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { extname, join } from 'node:path'
import { InputError, type Refusal, refusalFromObject, type refusalToObject } from '../errors.ts'
import { readJson } from './directory.ts'
import { tokenizerIn } from './tokenizer-file.ts'
import { isTokenId } from './tokenizer-options.ts'

export interface Encoder {
  /**
   * Token ids of the documents, one after the other, each with the leading BOS if the tokenizer adds one, no EOS.
   * @throws {InputError} TOKENIZER_FAILED, TEXT_ENCODING
   */
  encode(documents: readonly string[]): Promise<Int32Array>
}

/** What the process is asked, and what it answers. */
export type TokenizerTask =
  | { open: { path: string; rows: number | null } }
  | { encode: { tokenizer: number; documents: readonly string[] } }
  | { close: { tokenizer: number } }
export type TokenizerAnswer =
  | { opened: { tokenizer: number; beyond: [id: number, token: string][] } }
  | EncodedDocuments
  | { closed: true }
  | { refusal: NonNullable<ReturnType<typeof refusalToObject>> }
/** Ids of documents one after the other, and how many each has. */
export interface EncodedDocuments {
  ids: Int32Array<ArrayBuffer>
  counts: Uint32Array<ArrayBuffer>
}
export type TokenizerRequest = { id: number } & TokenizerTask
export type TokenizerReply = { id: number } & (TokenizerAnswer | { stack: string })

/** Of what the process says before it ends: enough for the line with the reason. */
const MAX_LAST_WORDS = 2000

/** The process in which tokenizers run: started when it is needed, and again if it has ended. */
export class TokenizerProcess {
  private running: Running | undefined

  /** Holds no process back from ending. */
  get started(): Running {
    if (this.running === undefined || this.running.ended) this.running = new Running()
    return this.running
  }

  /**
   * @param rows - of the model's embedding; null: not known
   * @throws {InputError} TOKENIZER_MISSING, TOKENIZER_UNREADABLE
   */
  async open(dir: string, rows: number | null = null): Promise<OpenTokenizer> {
    const path = tokenizerIn(dir)
    const { started } = this
    const { opened } = (await started.ask({ open: { path, rows } }, path)) as { opened: OpenedTokenizer }
    return new OpenTokenizer(started, path, opened, rows)
  }

  close(): void {
    this.running?.kill()
  }
}

type OpenedTokenizer = Extract<TokenizerAnswer, { opened: unknown }>['opened']

export class OpenTokenizer implements Encoder, AsyncDisposable {
  private readonly running: Running
  private readonly path: string
  private readonly tokenizer: number
  private readonly rows: number
  /** Tokens that the embedding has no row for, by id. */
  private readonly beyond: ReadonlyMap<number, string>

  constructor(running: Running, path: string, { tokenizer, beyond }: OpenedTokenizer, rows: number | null) {
    this.running = running
    this.path = path
    this.tokenizer = tokenizer
    this.beyond = new Map(beyond)
    this.rows = rows ?? Number.POSITIVE_INFINITY
  }

  async encode(documents: readonly string[]): Promise<Int32Array> {
    return (await this.encoded(documents)).ids
  }

  /** The same by document. */
  async encodeEach(documents: readonly string[]): Promise<Int32Array[]> {
    const { ids, counts } = await this.encoded(documents)
    let end = 0
    return Array.from(counts, (count) => {
      end += count
      return ids.subarray(end - count, end)
    })
  }

  private async encoded(documents: readonly string[]): Promise<EncodedDocuments> {
    for (const document of documents) assertWellFormed(document)
    const task = { encode: { tokenizer: this.tokenizer, documents } }
    return (await this.running.ask(task, this.path)) as EncodedDocuments
  }

  /**
   * Before a model runs on them.
   * @param name - of the text, for people
   * @throws {InputError} TOKEN_BEYOND_EMBEDDING
   */
  assertInEmbedding(ids: Int32Array, name: string): void {
    const at = ids.findIndex((id) => id >= this.rows)
    if (at === -1) return
    const token = this.beyond.get(ids[at])
    throw new InputError({
      code: 'TOKEN_BEYOND_EMBEDDING',
      what: `token ${at + 1} of ${name} is ${ids[at]}${token === undefined ? '' : ` (${JSON.stringify(token)})`}, and the model's embedding has ${this.rows} rows`,
      hint: 'Take the tokenizer.json that belongs to the model, or resize its embedding to the tokenizer and export it again.',
    })
  }

  /** Gives its memory back. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.running.ended) await this.running.ask({ close: { tokenizer: this.tokenizer } }, this.path)
  }
}

/** Half a surrogate pair is no Unicode: it would be replaced in silence. */
function assertWellFormed(document: string): void {
  if (document.isWellFormed()) return
  const half = /\p{Surrogate}/u.exec(document) as RegExpExecArray
  const before = document.slice(Math.max(0, half.index - 20), half.index)
  const code = half[0].charCodeAt(0).toString(16).toUpperCase()
  throw new InputError({
    code: 'TEXT_ENCODING',
    what: `a text has half of a surrogate pair, U+${code}, behind ${JSON.stringify(before)}`,
    hint: 'Write the whole character, or leave it out.',
  })
}

interface Pending {
  resolve(answer: TokenizerAnswer): void
  reject(error: unknown): void
  path: string
}

class Running {
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
    // Not at its exit: its last words may still be on the way.
    this.child.once('close', (code, signal) => this.fail(({ path }) => endedWith(path, this.lastWords, signal ?? code)))
    this.hold(false)
  }

  /** @param path - of the tokenizer, for people */
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

  /** Whether this process waits for that one before it ends. */
  private hold(on: boolean): void {
    const { stderr, channel } = this.child
    for (const each of [this.child, channel, stderr as unknown as { ref(): void; unref(): void }])
      on ? each?.ref() : each?.unref()
  }
}

/** How Rust says why it ends: a line with the place, and one with the reason. */
const PANIC = /panicked at [^\n]*\n([^\n]+)/

function endedWith(path: string, lastWords: string, end: string | number | null): InputError {
  const refusal: Refusal = {
    code: 'TOKENIZER_FAILED',
    what: `${path} makes Hugging Face's tokenizers library fail: ${PANIC.exec(lastWords)?.[1] ?? `it ended with ${end}`}`,
    hint: 'Check the tokenizer with tokenizers for Python, and that there is memory for the text.',
  }
  return new InputError(refusal)
}

/** The tokenizer of a model directory, in a process of its own. @throws {InputError} TOKENIZER_MISSING, TOKENIZER_UNREADABLE */
export function openTokenizer(dir: string): Promise<OpenTokenizer> {
  return new TokenizerProcess().open(dir)
}

/** The token that ends a text, by config.json; null: it names none. @throws {InputError} MODEL_CONFIG */
export function endOfText(dir: string): number | null {
  const path = join(dir, 'config.json')
  const { eos_token_id: end } = readJson(path)
  const first: unknown = (Array.isArray(end) ? end[0] : end) ?? null
  if (first === null || isTokenId(first)) return first
  throw new InputError({
    code: 'MODEL_CONFIG',
    what: `${path} says eos_token_id = ${JSON.stringify(end)}, which is no token id`,
    hint: 'Put the id of the token that ends a text there, or null.',
  })
}
