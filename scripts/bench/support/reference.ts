/** The PyTorch program that benchmarks are measured against: `PYTHON -m reference` in a directory. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { refuseConflict } from '../../options/values.ts'

export interface Reference {
  python: string
  root: string
  /** The text that both programs read. */
  file: string
}

/**
 * The program that --reference, --root and --text name together; undefined where neither of the first two is given.
 * @throws {UsageError} USAGE_CONFLICT: one is missing
 */
export function namedReference(given: { reference?: string; root?: string; text?: string }): Reference | undefined {
  const { reference: python, root, text: file } = given
  if (python === undefined && root === undefined) return undefined
  if (python !== undefined && root !== undefined && file !== undefined) return { python, root, file: resolve(file) }
  return refuseConflict(
    'the PyTorch program needs --reference PYTHON, --root DIR and --text FILE together',
    'Name all three; or neither --reference nor --root, and nothing is compared with.',
  )
}

/** Runs it and returns the report that it prints. */
export async function reference({ python, root }: Reference, ...args: string[]): Promise<unknown> {
  const child = spawn(python, ['-m', 'reference', ...args], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  if (code !== 0) throw new Error(`the reference ended with ${code}`)
  return JSON.parse(output)
}

/** 1.24, 1.3 -> "1.2, 1.3" */
export function list(values: readonly number[]): string {
  return values.map((value) => value.toFixed(1)).join(', ')
}
