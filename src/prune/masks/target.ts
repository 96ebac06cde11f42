/** The number of zeros that a target asks of a layer, and the checks that every pruner makes before it starts. */
import { InputError } from '../../base/errors.ts'
import { allFinite } from '../../base/finite.ts'
import type { SparsityTarget } from '../../form/method.ts'

/** SparseGPT chooses a mask for this many columns at a time (the paper's block size, section 3.3). */
const BLOCK_COLUMNS = 128

/**
 * Columns of a SparseGPT block: 128, or under a pattern the largest multiple of m up to 128. The last block may be
 * narrower.
 * @throws {InputError} PATTERN_WIDE: the pattern has more than 128 columns
 */
export function blockColumns(target: SparsityTarget): number {
  if (target.kind === 'unstructured') return BLOCK_COLUMNS
  if (target.m > BLOCK_COLUMNS) {
    throw new InputError({
      code: 'PATTERN_WIDE',
      what: `pattern ${target.n}:${target.m} spans more than the ${BLOCK_COLUMNS} columns of a SparseGPT block`,
      hint: `Choose a pattern of at most ${BLOCK_COLUMNS} columns, or another pruner.`,
    })
  }
  return BLOCK_COLUMNS - (BLOCK_COLUMNS % target.m)
}

/**
 * @throws {InputError} PATTERN_COLUMNS: the pattern does not divide the columns
 * @throws {RangeError} the target's numbers are out of range
 */
export function assertTarget(rows: number, cols: number, target: SparsityTarget): void {
  if (target.kind === 'unstructured') {
    if (!Number.isInteger(target.ppm) || target.ppm < 0 || target.ppm > 1e6) {
      throw new RangeError(`sparsity of ${target.ppm} ppm: expected an integer from 0 to 1000000`)
    }
    return
  }
  const { n, m } = target
  if (!Number.isInteger(n) || !Number.isInteger(m) || n < 0 || m < 1 || n > m) {
    throw new RangeError(`pattern ${n}:${m}: expected integers, 0 <= n <= m, m >= 1`)
  }
  if (cols % m !== 0) {
    throw new InputError({
      code: 'PATTERN_COLUMNS',
      what: `pattern ${n}:${m} does not fit a layer of ${rows} x ${cols}: ${cols} columns are not a multiple of ${m}`,
      hint: 'Choose a pattern that divides the columns of every layer, or use --sparsity.',
    })
  }
}

/** @throws {RangeError} the array does not have this length: a mistake of the caller */
export function assertLength(name: string, array: { length: number }, length: number): void {
  if (array.length !== length) throw new RangeError(`${name}: expected ${length} values, got ${array.length}`)
}

/**
 * @throws {InputError} NOT_FINITE: a value is NaN or infinite. The message names the layer by its shape, and the first
 * such entry.
 */
export function assertFinite(name: string, values: Float32Array, rows: number, cols: number): void {
  if (allFinite(values)) return
  const at = values.findIndex((value) => !Number.isFinite(value))
  throw new InputError({
    code: 'NOT_FINITE',
    what: `layer of ${rows} x ${cols}: ${name} ${at} is ${values[at]}`,
    hint: 'The model or its activations overflow; check the model file and the text.',
  })
}
