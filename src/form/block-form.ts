/**
 * The form of a decoder block, as far as pruning sees it: which layers it has, in what shapes, and which of
 * them read the same input. Role = index in topological order; it identifies a layer within its block.
 */

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
  /** One entry a role. */
  layers: LayerForm[]
}

/** One layer's base weights, row-major [rows, cols] (out, in), whatever the ONNX file's own layout. */
export type LayerWeights = Float32Array
