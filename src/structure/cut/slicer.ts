/** One part of one branch of the file, and the copy of the file in which it gets smaller. */
import type { Decoder } from '../../model/forward/decoder.ts'
import { nodeMaking } from '../../onnx/build.ts'
import type { NodeProto } from '../../onnx/generated/onnx_pb.js'
import { DATA_TYPE } from '../../onnx/tensor.ts'
import type { FollowedPart } from '../find/follow-blocks.ts'
import type { Axes } from '../find/labels.ts'
import type { FileCopy } from './file-copy.ts'
import { refuse } from './refusal.ts'
import { changedAxes, type IsRemoved } from './removed-labels.ts'

export class Slicer {
  readonly copy: FileCopy
  readonly followed: FollowedPart
  readonly decoder: Decoder
  readonly gone: IsRemoved

  constructor(copy: FileCopy, followed: FollowedPart, gone: IsRemoved) {
    this.copy = copy
    this.followed = followed
    this.decoder = followed.decoder
    this.gone = gone
  }

  axesOf(value: string): Axes {
    const { model, followed } = this.followed
    return model.holds(value) ? (followed.axes.get(model.inside(value)) ?? []) : []
  }

  /** The places that are left, one entry for each axis of a value that gets shorter. */
  changedAxes(value: string): Map<number, number> {
    return changedAxes(this.axesOf(value), this.gone)
  }

  /** A small integer value of the followed part; undefined: it was not observed, or it is missing. */
  content(value: string | undefined): readonly number[] | undefined {
    const { model, observed } = this.followed
    return value ? observed.contents.get(model.inside(value)) : undefined
  }

  /** The node of the copied file that a computed one comes from. */
  copyOf(node: NodeProto): NodeProto {
    const copy = this.copy.nodeOf(this.decoder.lowered.origin.get(node))
    if (copy === undefined)
      throw refuse(this.decoder, `has a fused operator where "${node.name}" (${node.opType}) is computed`)
    return copy
  }

  /**
   * Changes some elements of a small integer operand: in a copy of it if it is an initializer, else by a Where after
   * the node that computes it.
   */
  tell(node: NodeProto, slot: number, length: number, changes: ReadonlyMap<number, number>): void {
    const copy = this.copyOf(node)
    const name = copy.input[slot]
    const literal = this.copy.initializer(copy, name)
    const numbers = Array.from({ length }, (_, k) => changes.get(k) ?? 0)
    const wanted = (what: string) => `${copy.name || node.output[0]}/${what}`
    if (literal?.data.kind === 'memory' && literal.dataType === DATA_TYPE.int64) {
      const elements = new BigInt64Array(Uint8Array.from(literal.data.bytes).buffer)
      for (const [k, size] of changes) elements[k] = BigInt(size)
      copy.input[slot] = this.integers(wanted('sizes'), elements)
      return
    }
    const told = this.integers(wanted('sizes'), BigInt64Array.from(numbers, BigInt))
    const bytes = Uint8Array.from(numbers, (_, k) => Number(changes.has(k)))
    const dataType = DATA_TYPE.bool
    const which = this.copy.add(wanted('changed'), { dims: [length], dataType, data: { kind: 'memory', bytes } })
    const value = this.copy.fresh(wanted('resized'))
    this.copy.insertBefore(copy, nodeMaking(value, 'Where', [which, told, name]))
    copy.input[slot] = value
  }

  private integers(wanted: string, elements: BigInt64Array): string {
    const bytes = new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength)
    const data = { kind: 'memory' as const, bytes }
    return this.copy.add(wanted, { dims: [elements.length], dataType: DATA_TYPE.int64, data })
  }
}
