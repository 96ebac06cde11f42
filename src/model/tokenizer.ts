/** The tokenizer of a model directory (tokenizer.json), by the library that runs these files. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Tokenizer } from '@huggingface/tokenizers'
import { InputError } from '../errors.ts'
import { readJson } from './directory.ts'

export interface Encoder {
  /** Token ids of the documents, one after the other, each with the leading BOS if the tokenizer adds one, no EOS. */
  encode(documents: readonly string[]): Int32Array
}

/** @throws {InputError} MODEL_CONFIG, TOKENIZER_UNREADABLE */
export function openTokenizer(dir: string): Encoder {
  const path = join(dir, 'tokenizer.json')
  const config = join(dir, 'tokenizer_config.json')
  const definition = readJson(path)
  const tokenizer = makeTokenizer(path, definition, existsSync(config) ? readJson(config) : {})
  const leading = leadingTokens(tokenizer)
  return {
    encode(documents) {
      const pieces = documents.map((text) => tokenizer.encode(text, { add_special_tokens: false }).ids)
      const out = new Int32Array(pieces.reduce((sum, ids) => sum + leading.length + ids.length, 0))
      let at = 0
      for (const ids of pieces) {
        out.set(leading, at)
        out.set(ids, at + leading.length)
        at += leading.length + ids.length
      }
      return out
    },
  }
}

function makeTokenizer(path: string, definition: object, config: object): Tokenizer {
  try {
    return new Tokenizer(definition, config)
  } catch (cause) {
    throw new InputError({
      code: 'TOKENIZER_UNREADABLE',
      what: `${path} is no tokenizer that can be run (${cause instanceof Error ? cause.message : cause})`,
      hint: 'Copy tokenizer.json and tokenizer_config.json of the model again.',
      cause,
    })
  }
}

/** What the tokenizer itself puts in front of a text: what differs before the text's own tokens begin. */
function leadingTokens(tokenizer: Tokenizer): number[] {
  const plain: number[] = tokenizer.encode('a', { add_special_tokens: false }).ids
  const whole: number[] = tokenizer.encode('a', { add_special_tokens: true }).ids
  for (let lead = 0; lead + plain.length <= whole.length; lead++) {
    if (plain.every((id, k) => whole[lead + k] === id)) return whole.slice(0, lead)
  }
  return []
}

/** The token that ends a text, by config.json; null: it names none. @throws {InputError} MODEL_CONFIG */
export function endOfText(dir: string): number | null {
  const { eos_token_id: end } = readJson(join(dir, 'config.json'))
  const first: unknown = Array.isArray(end) ? end[0] : end
  return typeof first === 'number' ? first : null
}
