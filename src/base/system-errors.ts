/** Failed system calls and their refusals. */
import { OutputError } from './errors.ts'

/** The code of a failed system call, or null for anything else that was thrown. */
export function systemCode(error: unknown): string | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null
}

/** The refusal for a failed system call on a file that Coppice writes: OUTPUT_UNWRITABLE. */
export function unwritable(path: string, error: unknown): OutputError {
  return new OutputError({
    code: 'OUTPUT_UNWRITABLE',
    what: `${path} cannot be written (${systemCode(error) ?? String(error)})`,
    hint: 'Choose a directory that this user may write to and that has space left.',
    cause: error,
  })
}

/** The result of a system call that writes at a path. @throws {OutputError} OUTPUT_UNWRITABLE: the call has failed */
export async function orUnwritable<T>(path: string, call: Promise<T>): Promise<T> {
  try {
    return await call
  } catch (error) {
    throw unwritable(path, error)
  }
}
