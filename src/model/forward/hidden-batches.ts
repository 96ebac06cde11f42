/**
 * The residual stream of all batches between two blocks: one array with a slot for each batch and one to spare. A pass
 * writes each batch into the slot that the batch before it has left, so the stream is in memory once.
 */
import * as ort from '../../runtime/onnx-runtime.ts'

export class HiddenBatches {
  private readonly data: Float32Array
  /** Floats of a batch; the last may have fewer. */
  private readonly slot: number
  /** Dims of each batch, the same in front of every block. */
  private readonly dims: (readonly number[])[] = []
  /** Batch i is in slot i + shift. */
  private shift: 0 | 1 = 1

  /** @param size - floats of the first, largest batch */
  constructor(batches: number, size: number) {
    this.data = new Float32Array((batches + 1) * size)
    this.slot = size
  }

  /** Adds the next batch. */
  add({ data, dims }: ort.Tensor): void {
    this.data.set(data as Float32Array, (this.dims.length + this.shift) * this.slot)
    this.dims.push(dims)
  }

  at(batch: number): ort.Tensor {
    return this.view(batch, this.shift)
  }

  /** Some batches of one size as one tensor, [count, ...dims]. */
  together(first: number, count: number): ort.Tensor {
    const from = (first + this.shift) * this.slot
    const dims = this.dims[first]
    const size = count === 1 ? elements(dims) : count * this.slot
    return new ort.Tensor('float32', this.data.subarray(from, from + size), [count, ...dims])
  }

  /** Has every batch written anew: `write` reads `old` and fills `into`. If it throws, the stream is spoilt. */
  async pass(write: (batch: number, old: ort.Tensor, into: ort.Tensor) => Promise<void>): Promise<void> {
    const to = this.shift === 1 ? 0 : 1
    for (let k = 0; k < this.dims.length; k++) {
      const batch = to === 0 ? k : this.dims.length - 1 - k
      await write(batch, this.at(batch), this.view(batch, to))
    }
    this.shift = to
  }

  /** All batches one after the other, as a view of their memory: writing there changes them. */
  get values(): Float32Array {
    const from = this.shift * this.slot
    return this.data.subarray(from, from + this.dims.reduce((sum, dims) => sum + elements(dims), 0))
  }

  /**
   * The one of two places where the stream is in memory. At another place, products of the same numbers may round
   * differently.
   */
  get place(): 0 | 1 {
    return this.shift
  }

  /** Moves the stream to a place, without its values: those are to be filled in. */
  moveTo(place: 0 | 1): void {
    this.shift = place
  }

  private view(batch: number, shift: 0 | 1): ort.Tensor {
    const from = (batch + shift) * this.slot
    const dims = this.dims[batch]
    return new ort.Tensor('float32', this.data.subarray(from, from + elements(dims)), dims)
  }
}

function elements(dims: readonly number[]): number {
  return dims.reduce((product, size) => product * size, 1)
}
