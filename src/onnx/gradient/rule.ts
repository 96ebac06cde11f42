/** A rule of gradients leads from the cotangents of a node's outputs to those of its inputs. */
import { InputError } from '../../base/errors.ts'
import type { NodeProto } from '../generated/onnx_pb.js'
import { operatorName } from '../operators/name.ts'
import type { Tape } from './tape.ts'

/** The name of a value; null: no gradient flows. */
export type Cotangent = string | null

export interface BackwardStep {
  node: NodeProto
  tape: Tape
  /** Cotangent of the first output. */
  d: string
  /** Cotangents by output; at least one is there. */
  cotangents: readonly Cotangent[]
  /** Whether the cotangent of an input is wanted. */
  wants(input: number): boolean
}

/**
 * Returns the cotangents of the inputs. Unwanted ones may be left out. Source of the formulas: Griewank, Walther 2008,
 * chapter 3.
 */
export type Rule = (step: BackwardStep) => readonly Cotangent[]

/** Thrown by a rule for a case that it does not cover. The message is part of the refusal. */
export class NoRuleError extends Error {}

/** OPERATOR_NO_GRADIENT */
export function noGradient(node: NodeProto, why: string): InputError {
  return new InputError({
    code: 'OPERATOR_NO_GRADIENT',
    what: `no gradient can be taken through the operator ${operatorName(node)} (node "${node.name}"): ${why}`,
    hint: 'Export the model with plain ONNX operators, for example with Optimum (--task text-generation, float32).',
  })
}
