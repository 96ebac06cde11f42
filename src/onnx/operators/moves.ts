/** Operators that move numbers, or convert them, and change none. */
import {
  concat,
  expand,
  gather,
  gatherElements,
  pad,
  reshape,
  slice,
  split,
  tile,
  transpose,
  trilu,
} from '../gradient/moves.ts'
import type { Operator, Operators } from './operator.ts'

const MOVE: Operator = { exact: true }
const RESHAPE: Operator = { ...MOVE, axes: 'reshape', gradient: reshape }
/** Operators that move truth values as well as numbers. */
const PASSING: Operator = { ...MOVE, truths: 'passes' }

export const MOVES: Operators = {
  Cast: { ...MOVE, axes: 'same', positionwise: true, gradient: ({ d }) => [d] }, // all that is computed is float32
  CastLike: MOVE,
  Concat: { ...PASSING, axes: 'concat', matrices: '', gradient: concat },
  Expand: { ...PASSING, slots: 'data sizes', axes: 'expand', matrices: '', gradient: expand },
  Flatten: RESHAPE,
  Gather: { ...PASSING, slots: 'data places', axes: 'gather', matrix: 'table', gradient: gather },
  GatherElements: { ...MOVE, matrix: 'table', gradient: gatherElements },
  GatherND: { ...MOVE, matrix: 'table' },
  Identity: { ...PASSING, axes: 'same', positionwise: true, gradient: ({ d }) => [d] },
  Pad: { stands: 'made', slots: 'data pads value? axes?', contents: 'pads', gradient: pad },
  Reshape: { ...RESHAPE, ...PASSING, slots: 'data sizes', matrices: '', contents: 'sizes' },
  ScatterElements: MOVE,
  ScatterND: MOVE,
  Slice: {
    ...PASSING,
    slots: 'data starts ends axes? steps?',
    axes: 'slice',
    contents: 'starts axes steps',
    gradient: slice,
  },
  Split: { ...MOVE, slots: 'data sizes?', axes: 'split', gradient: split },
  Squeeze: { ...RESHAPE, ...PASSING },
  Tile: { ...MOVE, gradient: tile },
  Transpose: { ...PASSING, axes: 'transpose', gradient: transpose },
  Trilu: { ...MOVE, gradient: trilu },
  Unsqueeze: { ...RESHAPE, ...PASSING },
}
