/**
 * Sizes that an export has fixed: windows at once, tokens a window, earlier positions. A graph with fixed sizes
 * computes with these numbers inside too, so it gets no others, even where ONNX Runtime would take them.
 */
import { InputError } from '../../base/errors.ts'
import type { ValueInfoProto } from '../../onnx/generated/onnx_pb.js'
import type { OnnxModel } from '../../onnx/model.ts'

/** The fixed sizes; undefined where the graph takes any number. */
export interface FixedSizes {
  /** Windows at once. */
  batch: 1 | undefined
  /** Tokens a window. */
  window: number | undefined
}

/** Larger than the window of any model. */
const MAX_WINDOW = 2 ** 20

/**
 * The axes of an input that count windows and tokens of a window, by the input's name. Nothing stands before the
 * window.
 */
const AXES: [RegExp, { batch?: number; window?: number }][] = [
  [/^(input_ids|attention_mask)$/, { batch: 0, window: 1 }],
  // One row of positions serves all windows.
  [/^position_ids$/, { window: 1 }],
  [/^cache_position$/, { window: 0 }],
  [/^seqlens_k$/, { batch: 0 }],
  [/^past_(sequence_length|seq_len)$/, {}],
  [/^past/, { batch: 0 }],
]

/**
 * Reads the fixed sizes of a graph.
 * @throws {InputError} MODEL_FIXED: sizes that no windows fit, or that contradict each other
 */
export function fixedSizes({ graph, initializers, path }: OnnxModel): FixedSizes {
  const found: Record<'batch' | 'window', { size: number; name: string } | undefined> = {
    batch: undefined,
    window: undefined,
  }
  for (const info of graph.input) {
    const { name } = info
    const axes = initializers.has(name) ? undefined : AXES.find(([pattern]) => pattern.test(name))?.[1]
    for (const what of ['batch', 'window'] as const) {
      const size = fixedShape(info)?.[axes?.[what] ?? -1]
      if (size === undefined) continue
      const other = found[what]
      if (other !== undefined && other.size !== size)
        throw unfit(path, `"${other.name}" is fixed at ${other.size} ${UNITS[what]}, and "${name}" at ${size}`)
      found[what] = { size, name }
    }
  }
  const { batch, window } = found
  if (batch !== undefined && batch.size !== 1)
    throw unfit(path, `"${batch.name}" is fixed at ${batch.size} windows at once; Coppice needs 1, or a free size`)
  if (window !== undefined && (window.size < 2 || window.size > MAX_WINDOW))
    throw unfit(path, `"${window.name}" is fixed at ${window.size} tokens, and a window has 2 to ${MAX_WINDOW}`)
  return { batch: batch && 1, window: window?.size }
}

const UNITS = { batch: 'windows at once', window: 'tokens' }

/** The sizes of a shape, undefined where a size is free. The result is undefined for a value of no known shape. */
export function fixedShape({ type }: ValueInfoProto): (number | undefined)[] | undefined {
  // ONNX Runtime treats a negative size as a free one.
  return type?.tensorType?.shape?.dim.map(({ value }) =>
    value.case === 'dimValue' && value.value >= 0n ? Number(value.value) : undefined,
  )
}

/** The refusal of sizes that a graph has fixed: MODEL_FIXED. @param why - the input in quotes, and its fault */
export function unfit(path: string, why: string): InputError {
  return new InputError({
    code: 'MODEL_FIXED',
    what: `${path}: the input ${why}`,
    hint: 'Export the model with free sizes of batch, sequence and past (dynamic axes), as Optimum does by default.',
  })
}
