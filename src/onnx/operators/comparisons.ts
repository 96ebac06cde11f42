/** Operators of truth values. No gradient flows back through them, and a matrix among their inputs is a mask. */
import type { Operator, Operators } from './operator.ts'

const TRUTH: Operator = { truths: 'makes', axes: 'elementwise', gradient: null }
const LOGIC: Operator = { ...TRUTH, matrices: '' }
const COMPARISON: Operator = { ...LOGIC, exact: true }

export const COMPARISONS: Operators = {
  And: LOGIC,
  Equal: COMPARISON,
  Greater: COMPARISON,
  GreaterOrEqual: COMPARISON,
  IsInf: TRUTH,
  IsNaN: TRUTH,
  Less: COMPARISON,
  LessOrEqual: COMPARISON,
  Not: COMPARISON,
  Or: LOGIC,
  Xor: LOGIC,
}
