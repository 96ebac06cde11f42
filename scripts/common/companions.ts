/** Lists the files of a model's directory that are not copied to a written model. */
import type { LeftBehind } from '../../src/model/write/companions.ts'
import { counted } from '../terminal/numbers.ts'
import type { EngineRun } from './engine.ts'
import { DEFAULT_PARENT } from './output-directory.ts'

/** The paths in a command's options that belong to its user, wherever they are. */
interface OwnPaths {
  texts: readonly string[]
  evaluation?: { files: readonly string[] } | null
  instructions?: string | null
  recoveryText?: { texts: readonly string[] }
  out: string | null
  data?: string | null
}

/** For openEngine: a text or a result may lie in the model's directory, and is not copied from there. */
export function apartFrom({ texts, evaluation, instructions, recoveryText, out, data }: OwnPaths): string[] {
  const files = [...texts, ...(evaluation?.files ?? []), ...(recoveryText?.texts ?? [])]
  return [...files, ...[instructions, data].filter((path) => typeof path === 'string'), out ?? DEFAULT_PARENT]
}

const WHY_LEFT: Readonly<Record<LeftBehind['why'], string>> = {
  model: 'weights and other graphs',
  dot: 'dot files',
  apart: 'texts and output of this command',
  results: 'results and data of Coppice',
  other: 'other models',
  special: 'no regular files',
  cycle: 'links to a directory that holds them',
}

/** The most names that are listed for one reason; a repository may hold a dozen quantised graphs. */
const MOST_NAMES = 8

/**
 * The files that are not copied, in one line; null if all are copied.
 * @param anew - names of files that the command writes anew
 * @throws {InputError} MODEL_FILE_UNREADABLE, MODEL_FILES_MANY: files that could not be copied, before anything is
 * computed
 */
export async function notCopied(
  { engine, signal }: EngineRun,
  dir: string,
  anew: readonly string[] = [],
): Promise<string | null> {
  const left = (await engine.run('leftBehind', { dir }, { signal })).filter(({ name }) => !anew.includes(name))
  return left.length === 0 ? null : leftInWords(left)
}

/** The line: "Not copied: a.bin, b.onnx (weights and other graphs); .git (dot files)." */
export function leftInWords(left: readonly LeftBehind[]): string {
  const reasons = Object.entries(WHY_LEFT).flatMap(([why, words]) => {
    const names = left.filter((each) => each.why === why).map(({ name }) => name)
    if (names.length === 0) return []
    const rest = names.length - MOST_NAMES
    const said = names.slice(0, MOST_NAMES).join(', ')
    return [`${said}${rest > 0 ? ` and ${counted(rest, 'more', 'more')}` : ''} (${words})`]
  })
  return `Not copied: ${reasons.join('; ')}.`
}
