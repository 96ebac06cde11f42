/**
 * Instructions and answers as rows of tokens. The model learns the answers; the prompts are only context. Source:
 * Stanford Alpaca's form of a prompt, as LLM-Pruner (Ma, Fang, Wang 2023) recovers with it.
 */
import { basename } from 'node:path'
import { z } from 'zod'
import { InputError } from '../base/errors.ts'
import type { Windows } from '../form/windows.ts'
import { jsonEntries } from '../model/text/documents.ts'
import { type JsonRefusal, wrong } from '../model/text/json.ts'
import { escaped, type TextFile, textFile } from '../model/text/refusals.ts'
import type { OpenTokenizer } from '../model/text/tokenizer.ts'

const Instruction = z.object({
  instruction: z.string().min(1),
  input: z.string().default(''),
  output: z.string().min(1),
})

type Instruction = z.infer<typeof Instruction>

/** The token that fills up a row. No token before it sees it, and it is no target. */
const PADDING = 0

interface InstructionRows {
  rows: Windows & { targets: Uint8Array }
  /** The number of instructions whose prompt alone fills a row. */
  skipped: number
}

/**
 * Reads instructions and makes rows of them.
 * @param path - a file of JSON lines, or of one array: {"instruction", "input" (may be left out), "output"} each
 * @param end - the token that ends a text; null if there is none
 * @param length - tokens a row, [rows, length]; a longer text is cut off, a shorter one is padded behind
 * @throws {InputError} INSTRUCTIONS_JSONL, INSTRUCTIONS_LONG, TOKEN_BEYOND_EMBEDDING, and the refusals of a text that
 * cannot be read
 */
export async function instructionRows(
  tokenizer: OpenTokenizer,
  path: string,
  end: number | null,
  length: number,
): Promise<InstructionRows> {
  const all = await readInstructions(textFile(path, 'instructions'))
  const rows: Row[] = []
  for (let at = 0; at < all.length; at += TOGETHER) {
    const some = await rowsOf(tokenizer, all.slice(at, at + TOGETHER), end)
    for (const [k, { tokens, prompt }] of some.entries()) {
      if (prompt >= length) continue
      rows.push({ tokens: tokens.subarray(0, length), prompt })
      tokenizer.assertInEmbedding(
        rows[rows.length - 1].tokens,
        `instruction ${at + k + 1} of ${escaped(basename(path))}`,
      )
    }
  }
  if (rows.length === 0) {
    throw new InputError({
      code: 'INSTRUCTIONS_LONG',
      what: `no instruction of ${escaped(path)} leaves room for an answer in ${length} tokens`,
      hint: 'Give a larger --length, or shorter instructions.',
    })
  }
  const ids = new Int32Array(rows.length * length).fill(PADDING)
  const targets = new Uint8Array(rows.length * length)
  for (const [k, { tokens, prompt }] of rows.entries()) {
    ids.set(tokens, k * length)
    targets.fill(1, k * length + prompt, k * length + tokens.length)
  }
  return { rows: { ids, count: rows.length, length, targets }, skipped: all.length - rows.length }
}

/** The tokens of prompt, answer and end, and the number of those that are the prompt's. */
interface Row {
  tokens: Int32Array
  prompt: number
}

/** The number of instructions that are tokenised at once. */
const TOGETHER = 256

/** Rows of their whole length. */
async function rowsOf(
  tokenizer: OpenTokenizer,
  instructions: readonly Instruction[],
  end: number | null,
): Promise<Row[]> {
  const prompts = instructions.map(({ instruction, input }) => promptOf(instruction, input))
  const alone = await tokenizer.encodeEach(prompts)
  const whole = await tokenizer.encodeEach(prompts.map((prompt, k) => prompt + instructions[k].output))
  return whole.map((ids, k) => ({
    tokens: end === null ? ids : Int32Array.from([...ids, end]),
    prompt: alone[k].length,
  }))
}

/** Stanford Alpaca's prompt, with and without an input, up to the answer. */
export function promptOf(instruction: string, input: string): string {
  const [context, given] =
    input === '' ? ['', ''] : [', paired with an input that provides further context', `### Input:\n${input}\n\n`]
  const request = `Below is an instruction that describes a task${context}. Write a response that appropriately completes the request.`
  return `${request}\n\n### Instruction:\n${instruction}\n\n${given}### Response:\n`
}

async function readInstructions(file: TextFile): Promise<Instruction[]> {
  const all: Instruction[] = []
  for await (const { value, place } of jsonEntries(file, REFUSAL)) {
    const { success, data, error } = Instruction.safeParse(value)
    if (!success) throw wrong(file, place, faultOf(error.issues[0]), REFUSAL)
    all.push(data)
  }
  if (all.length > 0) return all
  throw new InputError({ ...REFUSAL, what: `${file.subject} hold no instruction` })
}

const REFUSAL: JsonRefusal = {
  code: 'INSTRUCTIONS_JSONL',
  hint: 'Give one object a line, or an array of them: {"instruction": "...", "input": "...", "output": "..."}.',
}

function faultOf({ path: [key] }: z.core.$ZodIssue): string {
  return key === undefined ? 'is no JSON object' : `has no proper ${JSON.stringify(key)}, which is a string`
}
