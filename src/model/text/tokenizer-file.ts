/** Where a model directory has its tokenizer, and what to do where it has none that can be run. */
import { join } from 'node:path'
import { InputError } from '../../base/errors.ts'
import { danglingLink, statOf } from '../../files/linked-file.ts'

/** The file whose bytes, and no other's, decide which ids a text has. */
export const TOKENIZER = 'tokenizer.json'

export const AS_PYTHON_DOES =
  'With transformers for Python: AutoTokenizer.from_pretrained(DIR, use_fast=True).save_pretrained(DIR)'
/** What a tokenizer without a tokenizer.json is kept in. */
const OTHER_FORMS = [['vocab.json', 'merges.txt'], ['tokenizer.model'], ['spiece.model'], ['vocab.txt']]

/** The path of tokenizer.json. @throws {InputError} TOKENIZER_MISSING, MODEL_FILE_UNREADABLE */
export function tokenizerIn(dir: string): string {
  const path = join(dir, TOKENIZER)
  if (statOf(path)?.isFile()) return path
  throw danglingLink(path) ?? missing(dir)
}

function missing(dir: string): InputError {
  const other = OTHER_FORMS.find((names) => names.every((name) => statOf(join(dir, name))?.isFile()))
  return new InputError({
    code: 'TOKENIZER_MISSING',
    what: `${dir} holds no ${TOKENIZER}${other ? `; ${other.join(' and ')} alone cannot be run` : ''}`,
    hint: other ? `${AS_PYTHON_DOES}.` : `Copy ${TOKENIZER} of the model, or make it. ${AS_PYTHON_DOES}.`,
  })
}
