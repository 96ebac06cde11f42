/** The finding of a check of `coppice doctor`. */
import { CoppiceError } from '../../../src/base/errors.ts'

/** `warning`: it may do, and a person should know; `problem`: a federation would fail. */
type State = 'ok' | 'warning' | 'problem'

export interface Finding {
  check: string
  state: State
  finding: string
  /** Advice: an act, or a line to type; null: none. */
  advice: string | null
}

/** The findings of all checks, in their order. */
export interface DoctorReport {
  /** Whether no check found a problem. */
  ok: boolean
  checks: Finding[]
}

export function fine(check: string, finding: string): Finding {
  return { check, state: 'ok', finding, advice: null }
}

export function warning(check: string, finding: string, advice: string): Finding {
  return { check, state: 'warning', finding, advice }
}

export function problem(check: string, finding: string, advice: string): Finding {
  return { check, state: 'problem', finding, advice }
}

/** The finding of a check that may be refused: the refusal's words and its remedy. */
export async function checked(check: string, look: () => Promise<Finding | Finding[]>): Promise<Finding[]> {
  try {
    return [await look()].flat()
  } catch (error) {
    if (error instanceof CoppiceError) return [problem(check, `${error.message} (${error.code})`, error.hint)]
    throw error
  }
}

const SIGNS: Record<State, string> = { ok: 'ok     ', warning: 'careful', problem: 'PROBLEM' }

export function findingsInWords({ checks }: DoctorReport): string {
  const indent = ' '.repeat(SIGNS.ok.length + 1)
  const lines = checks.flatMap(({ check, state, finding, advice }) => [
    `${SIGNS[state]} ${check}: ${finding}`,
    ...(advice === null ? [] : [`${indent}${advice}`]),
  ])
  const problems = checks.filter(({ state }) => state === 'problem').length
  const end =
    problems === 0 ? 'Nothing stands in the way.' : `Problems found: ${problems}. Each line below one says what to do.`
  return [...lines, end].join('\n')
}
