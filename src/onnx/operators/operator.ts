/** An entry of the table of operators. A field that is missing means that nothing is known, and nothing is guessed. */
import type { NodeProto } from '../generated/onnx_pb.js'
import type { Rule } from '../gradient/rule.ts'
import type { Tape } from '../gradient/tape.ts'

export interface Operator {
  /**
   * Names of the inputs in order, with a ? after those that may be missing. If no rule needs the others, only the
   * first, `data`.
   */
  slots?: string
  /**
   * The place of an operator that no computed graph of a file has: `lowered` ones are in files and rewritten before
   * anything is computed, `made` ones are only in graphs that are made here.
   */
  stands?: 'lowered' | 'made'
  /** Whether it never mixes positions: it computes over the last axis, or number by number. */
  positionwise?: true
  /**
   * Whether it gives the same bits on every machine: it moves numbers, converts them, or rounds once as IEEE 754 says.
   * A sum over many numbers depends on its order.
   */
  exact?: true
  /** Whether it lets tokens see each other. */
  attends?: true
  /** Outputs are true or false: always, or where the first input is. */
  truths?: 'makes' | 'passes'
  /** The rule for axes; undefined: axes cannot be followed through it. */
  axes?: AxesRule
  /** The use of a matrix among its inputs: factor of a product, table of rows, or elementwise factor. */
  matrix?: 'factor' | 'table' | 'scale'
  /** Slots in which a matrix would be weights; '': none, masks and biases stand there. By default all. */
  matrices?: string
  /** Slots whose content its rules read, and not only the shape. */
  contents?: string
  /** The rule that leads from the cotangents of its outputs to those of its inputs; null: no gradient flows through. */
  gradient?: Rule | null
  /** Writes the same in plain operators, since only those have rules, and returns its first output. */
  unfused?: (fused: Fused) => string
  /** Attributes that tell it how many heads there are, of queries and of keys and values. */
  heads?: { queries: string; pairs?: string }
}

export type Operators = Readonly<Record<string, Operator>>

/**
 * The rules for axes:
 *
 *   same         the output has them, and may be the input itself: Identity
 *   elementwise  operands are aligned at their last axes, and of size 1 broadcast
 *   reshape      as the sizes before and behind say
 *   transpose    they change places, by the attribute `perm`
 *   concat       joined along the attribute `axis`; split, the reverse
 *   slice        places from start to end; gather, those that the second input names; expand, repeated
 *   matmul       the last of the first and the last but one of the second are summed over; gemm, by its attributes
 *   norm         computed over those from the attribute `axis` on, which stay; softmax, over that one
 *   mean         those of `axes` become one number; reduction, another one than their mean
 *   measure      the output is about sizes: Shape
 *   places       the output is new: places, or one number everywhere
 *   constant     there are no inputs
 */
export type AxesRule =
  | 'same'
  | 'elementwise'
  | 'reshape'
  | 'transpose'
  | 'concat'
  | 'split'
  | 'slice'
  | 'gather'
  | 'expand'
  | 'matmul'
  | 'gemm'
  | 'norm'
  | 'softmax'
  | 'mean'
  | 'reduction'
  | 'measure'
  | 'places'
  | 'constant'

/** A node that is to be written as plain ones. */
export interface Fused {
  tape: Tape
  node: NodeProto
  /** The input of that name; '' if the node lacks it. */
  input(name: string): string
  /** Whether a value is true or false. */
  isTruth(value: string): boolean
}
