/** The place of the tokenizer in a model directory, and the remedy if the directory has none that can be run. */
import { join } from 'node:path'
import { InputError } from '../../base/errors.ts'
import { danglingLink, statOf } from '../../files/linked-file.ts'

/** The file that alone decides the ids of a text. */
export const TOKENIZER = 'tokenizer.json'

export const AS_PYTHON_DOES =
  'With transformers for Python: AutoTokenizer.from_pretrained(DIR, use_fast=True).save_pretrained(DIR)'
/** The files of a tokenizer that has no tokenizer.json. */
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
