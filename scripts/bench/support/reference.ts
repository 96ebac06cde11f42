/** The PyTorch program that benchmarks are measured against: `PYTHON -m reference` in a directory. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

export interface Reference {
  python: string
  root: string
}

/** Runs it and returns the report that it prints. */
export async function reference({ python, root }: Reference, ...args: string[]): Promise<unknown> {
  const child = spawn(python, ['-m', 'reference', ...args], { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] })
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  if (code !== 0) throw new Error(`the reference ended with ${code}`)
  return JSON.parse(output)
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}

/** 1.24, 1.3 -> "1.2, 1.3" */
export function list(values: readonly number[]): string {
  return values.map((value) => value.toFixed(1)).join(', ')
}
