/**
 * The form of a decoder block, as far as pruning sees it: which layers it has, in what shapes, and which of
 * them read the same input. Role = index in topological order; it identifies a layer within its block.
 */
import type { StructuredTarget } from './structured-form.ts'

export interface LayerForm {
  /** Output features. */
  rows: number
  /** Input features. */
  cols: number
  /** Index into BlockForm.inputs: layers that read the same value share its statistics (q, k, v; gate, up). */
  input: number
}

export interface BlockForm {
  /** Width of each distinct layer input, in the order of the first layer that reads it. */
  inputs: number[]
  /** By role. */
  layers: LayerForm[]
}

/** The share of zeros asked for: in parts per million, or n zeros among every m consecutive columns of a row. */
export type SparsityTarget = { kind: 'unstructured'; ppm: number } | { kind: 'pattern'; n: number; m: number }

export const PRUNERS = ['sparsegpt', 'wanda', 'magnitude'] as const
export type PrunerName = (typeof PRUNERS)[number]

/** What a federation agrees on: a pruner that one site can also run alone, or the removal of whole structures. */
export type Method = SparseMethod | StructuredMethod

export interface SparseMethod {
  pruner: PrunerName
  target: SparsityTarget
}

/** Heads and channels (LLM-Pruner), and in later rounds training. */
export interface StructuredMethod {
  pruner: 'llm-pruner'
  target: StructuredTarget
}

export function isStructuredMethod(method: Method): method is StructuredMethod {
  return method.pruner === 'llm-pruner'
}

/** What a contribution carries; it follows from the pruner (`weights` for sparsegpt, else `statistics`). */
export type PayloadKind = 'statistics' | 'weights'

export function payloadOf(pruner: PrunerName): PayloadKind {
  return pruner === 'sparsegpt' ? 'weights' : 'statistics'
}

/** One layer's base weights, row-major [rows, cols] (out, in), whatever the ONNX file's own layout. */
export type LayerWeights = Float32Array
