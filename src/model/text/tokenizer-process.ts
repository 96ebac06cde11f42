/** The program of the process that TokenizerProcess starts. Tokenizers stay open until they are closed. */
import { Tokenizer } from 'tokenizers'
import { InputError, refusalToObject } from '../../base/errors.ts'
import type {
  EncodedDocuments,
  OpenedTokenizer,
  TokenizerAnswer,
  TokenizerReply,
  TokenizerRequest,
} from './tokenizer-child.ts'
import {
  messageOf,
  readTokenizerDefinition,
  type TokenizerDefinition,
  unreadableTokenizer,
} from './tokenizer-definition.ts'

// Ctrl-C reaches every process of the terminal. The command alone decides what it means.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)
// A signal ends the process, not exit(), which would wait for a text that is being encoded.
process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'))
process.on('message', (request: TokenizerRequest) => {
  answer(request)
    .catch((error: unknown) => {
      const refusal = refusalToObject(error)
      return refusal ? { refusal } : { stack: error instanceof Error ? (error.stack ?? error.message) : String(error) }
    })
    .then((reply) => process.send?.({ id: request.id, ...reply } satisfies TokenizerReply))
})

interface Loaded {
  path: string
  library: Tokenizer
  leading: readonly number[]
  /** The ids that the library gives to added tokens and that differ from tokenizer.json, each with the file's id. */
  renumbered: ReadonlyMap<number, number>
}

const open = new Map<number, Loaded>()
let nextTokenizer = 0

async function answer(request: TokenizerRequest): Promise<TokenizerAnswer> {
  if ('open' in request) return { opened: load(request.open.path, request.open.rows) }
  if ('encode' in request) return encode(open.get(request.encode.tokenizer), request.encode.documents)
  open.delete(request.close.tokenizer)
  return { closed: true }
}

function load(path: string, rows: number | null): OpenedTokenizer {
  const definition = readTokenizerDefinition(path)
  let library: Tokenizer
  try {
    library = Tokenizer.fromString(definition.text)
  } catch (cause) {
    throw unreadableTokenizer(path, messageOf(cause), cause)
  }
  library.disableTruncation()
  library.disablePadding()
  const renumbered = renumberedTokens(library, path, definition, rows)
  const tokenizer = nextTokenizer++
  open.set(tokenizer, { path, library, leading: definition.leading, renumbered })
  const all = [...definition.vocabulary, ...definition.addedTokens.map(({ content, id }) => [content, id] as const)]
  const beyond = all.flatMap(([token, id]): [number, string][] => (rows !== null && id >= rows ? [[id, token]] : []))
  return { tokenizer, beyond }
}

/**
 * Added tokens that the library numbers differently from the file. The library numbers those that are not in the
 * model's vocabulary in their order, whatever their ids are in the file. A file with another id is refused, with one
 * exception: the embedding has no row for that id anyway. Then the token is refused where it occurs.
 * @throws {InputError} TOKENIZER_UNREADABLE
 */
function renumberedTokens(
  library: Tokenizer,
  path: string,
  { addedTokens, vocabulary }: TokenizerDefinition,
  rows: number | null,
): Map<number, number> {
  const renumbered = new Map<number, number>()
  for (const [k, { id, content }] of addedTokens.entries()) {
    const given = library.tokenToId(content)
    if (given === null) throw unreadableTokenizer(path, `added_tokens[${k}] (${JSON.stringify(content)}) gets no id`)
    if (given !== id) renumbered.set(given, id)
  }
  if (renumbered.size === 0) return renumbered
  const taken = new Set([...vocabulary.values(), ...addedTokens.map(({ id }) => id)])
  for (const [k, { id, content }] of addedTokens.entries()) {
    const given = library.tokenToId(content) as number
    if (given === id || (rows !== null && id >= rows && !taken.has(given))) continue
    throw unreadableTokenizer(
      path,
      `added_tokens[${k}].id = ${id}, and Hugging Face's library gives ${JSON.stringify(content)} the id ${given}`,
    )
  }
  return renumbered
}

async function encode(loaded: Loaded | undefined, documents: readonly string[]): Promise<EncodedDocuments> {
  if (loaded === undefined) throw new RangeError('this tokenizer is not open')
  const { library, leading, renumbered } = loaded
  const pieces: number[][] = []
  try {
    for (const document of documents)
      pieces.push((await library.encode(document.toWellFormed(), null, { addSpecialTokens: false })).getIds())
  } catch (cause) {
    throw new InputError({
      code: 'TOKENIZER_FAILED',
      what: `${loaded.path} cannot encode the text: ${messageOf(cause)}`,
      hint: 'Check that its unk_token is in its vocabulary, or copy tokenizer.json of the model again.',
      cause,
    })
  }
  const counts = Uint32Array.from(pieces, (ids) => leading.length + ids.length)
  const ids = new Int32Array(counts.reduce((sum, count) => sum + count, 0))
  let at = 0
  for (const piece of pieces) {
    ids.set(leading, at)
    ids.set(piece, at + leading.length)
    at += leading.length + piece.length
  }
  return { ids: renumbered.size === 0 ? ids : ids.map((id) => renumbered.get(id) ?? id), counts }
}
