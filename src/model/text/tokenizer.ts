/**
 * The tokenizer of a model directory (tokenizer.json, alone), run by Hugging Face's own library. The library ends its
 * process on input that it did not expect, so it runs in a process of its own.
 */
import { join } from 'node:path'
import { InputError } from '../../base/errors.ts'
import { readJson } from '../graph/directory.ts'
import { type EncodedDocuments, type OpenedTokenizer, TokenizerChild } from './tokenizer-child.ts'
import { tokenizerIn } from './tokenizer-file.ts'
import { isTokenId } from './tokenizer-options.ts'

export interface Encoder {
  /**
   * The token ids of the documents, one document after the other, each with the leading BOS if the tokenizer adds one,
   * without EOS. Half of a surrogate pair counts as U+FFFD.
   * @throws {InputError} TOKENIZER_FAILED
   */
  encode(documents: readonly string[]): Promise<Int32Array>
}

/** The process in which tokenizers run. It is started when it is needed, and again if it has ended. */
export class TokenizerProcess {
  private running: TokenizerChild | undefined

  private get started(): TokenizerChild {
    if (this.running === undefined || this.running.ended) this.running = new TokenizerChild()
    return this.running
  }

  /**
   * @param rows - rows of the model's embedding; null if the number is not known
   * @throws {InputError} TOKENIZER_MISSING, MODEL_FILE_UNREADABLE, TOKENIZER_UNREADABLE, TOKENIZER_FAILED
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

export class OpenTokenizer implements Encoder, AsyncDisposable {
  private readonly running: TokenizerChild
  private readonly path: string
  private readonly tokenizer: number
  private readonly rows: number
  /** Tokens for which the embedding has no row, by id. */
  private readonly beyond: ReadonlyMap<number, string>

  constructor(running: TokenizerChild, path: string, { tokenizer, beyond }: OpenedTokenizer, rows: number | null) {
    this.running = running
    this.path = path
    this.tokenizer = tokenizer
    this.beyond = new Map(beyond)
    this.rows = rows ?? Number.POSITIVE_INFINITY
  }

  async encode(documents: readonly string[]): Promise<Int32Array> {
    return (await this.encoded(documents)).ids
  }

  /** The token ids of each document: one array a document, otherwise as `encode`. */
  async encodeEach(documents: readonly string[]): Promise<Int32Array[]> {
    const { ids, counts } = await this.encoded(documents)
    let end = 0
    return Array.from(counts, (count) => {
      end += count
      return ids.subarray(end - count, end)
    })
  }

  private async encoded(documents: readonly string[]): Promise<EncodedDocuments> {
    const task = { encode: { tokenizer: this.tokenizer, documents } }
    return (await this.running.ask(task, this.path)) as EncodedDocuments
  }

  /**
   * Checks that the embedding has a row for each id. It is called before a model runs on them.
   * @param name - the text's name, for messages
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

  /** Frees the tokenizer's memory. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.running.ended) await this.running.ask({ close: { tokenizer: this.tokenizer } }, this.path)
  }
}

/**
 * Opens the tokenizer of a model directory in a process of its own.
 * @throws {InputError} TOKENIZER_MISSING, MODEL_FILE_UNREADABLE, TOKENIZER_UNREADABLE, TOKENIZER_FAILED
 */
export function openTokenizer(dir: string): Promise<OpenTokenizer> {
  return new TokenizerProcess().open(dir)
}

/**
 * The id of the token that ends a text, from config.json; null if the file names none. @throws {InputError}
 * MODEL_CONFIG
 */
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
