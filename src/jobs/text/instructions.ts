/** The job of tokenising instructions: rows, padded. */
import type { Windows } from '../../form/windows.ts'
import { endOfText } from '../../model/text/tokenizer.ts'
import { instructionRows } from '../../recover/instructions.ts'
import type { Bench } from '../bench.ts'

export async function instructions(
  { dir, path, length }: { dir: string; path: string; length: number },
  bench: Bench,
): Promise<{ rows: Windows; skipped: number }> {
  await using tokenizer = await bench.tokenizer(dir)
  // Awaited: the tokenizer is closed behind it.
  return await instructionRows(tokenizer, path, endOfText(dir), length)
}
