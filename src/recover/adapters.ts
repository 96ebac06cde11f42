/**
 * Low-rank adapters of a model's layers: y = W x + (alpha / rank) B A x, where W stays as it is. Source: LoRA (Hu et
 * al. 2021, arXiv 2106.09685), section 4.1. All numbers of all adapters lie in one array, the form that an optimiser
 * needs.
 */

import type { BlockForm } from '../form/block-form.ts'
import { drawer } from '../form/draw.ts'
import type { Adapter } from '../merge/structures/adapter.ts'

const DRAWS = 2 ** 32

export class Adapters {
  readonly forms: readonly BlockForm[]
  readonly rank: number
  /** Block by block, layer by layer, A before B. */
  readonly values: Float32Array<ArrayBuffer>
  /** The index at which A begins, by block and role. */
  private readonly starts: number[][]

  /**
   * @param values - as many as the layers need; taken over, not copied
   * @throws {RangeError} another number of values
   */
  constructor(forms: readonly BlockForm[], rank: number, values?: Float32Array<ArrayBuffer>) {
    let size = 0
    this.starts = forms.map(({ layers }) =>
      layers.map(({ rows, cols }) => {
        const start = size
        size += rank * (rows + cols)
        return start
      }),
    )
    if (values !== undefined && values.length !== size) throw new RangeError(`${values.length} values, not ${size}`)
    this.forms = forms
    this.rank = rank
    this.values = values ?? new Float32Array(size)
  }

  /**
   * Adapters before training: B = 0, so that nothing is changed yet, and A uniform within 1 / sqrt(cols), drawn by the
   * seed.
   */
  static start(forms: readonly BlockForm[], rank: number, seed: number): Adapters {
    const adapters = new Adapters(forms, rank)
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64LE(BigInt(seed))
    const draw = drawer(bytes)
    for (const [block, { layers }] of forms.entries()) {
      for (const [role, { cols }] of layers.entries()) {
        const bound = 1 / Math.sqrt(cols)
        const { a } = adapters.of(block, role)
        for (let i = 0; i < a.length; i++) a[i] = bound * ((2 * draw(DRAWS)) / DRAWS - 1)
      }
    }
    return adapters
  }

  /** The adapter of a layer. Its arrays are views, not copies. */
  of(block: number, role: number): Adapter {
    const { rank, values } = this
    const { rows, cols } = this.forms[block].layers[role]
    const start = this.starts[block][role]
    const middle = start + rank * cols
    return { a: values.subarray(start, middle), b: values.subarray(middle, middle + rank * rows) }
  }
}
