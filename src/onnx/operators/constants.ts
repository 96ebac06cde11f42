/** Operators that make constants, sizes and places. Their outputs do not change if an input changes a little. */
import type { Operator, Operators } from './operator.ts'

const MEASURE: Operator = { exact: true, axes: 'measure', gradient: null }
const PLACES: Operator = { exact: true, axes: 'places', gradient: null }

export const CONSTANTS: Operators = {
  Constant: { slots: '', exact: true, axes: 'constant', gradient: null },
  ConstantOfShape: { ...PLACES, slots: 'sizes' },
  EyeLike: { exact: true, gradient: null },
  NonZero: { axes: 'places', gradient: null },
  Range: { ...PLACES, slots: 'start' },
  Shape: MEASURE,
  Size: MEASURE,
}
