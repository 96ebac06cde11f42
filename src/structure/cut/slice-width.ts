/**
 * A model of fewer hidden channels: the same channels are cut out of every tensor, and all sizes that depend on the
 * width are changed.
 */
import type { Decoder } from '../../model/forward/decoder.ts'
import type { OnnxModel } from '../../onnx/model.ts'
import { cutTensor, type TensorRef } from '../../onnx/tensor.ts'
import type { Width } from '../choose/width.ts'
import { FileCopy } from './file-copy.ts'
import { resizeNodes } from './resize-nodes.ts'
import { assertBranches } from './slice.ts'
import { Slicer } from './slicer.ts'

/**
 * The graph of `decoder`'s file without some hidden channels, weights still by reference. `decoder` stays as it is, and
 * so does every other number in the graph: Gemma still multiplies embeddings by the root of the base's width. The
 * result is computed as the file says. Heads and rotary tables keep their sizes.
 * @throws {InputError} SLICE_UNKNOWN: a graph that this cannot rewrite
 */
export function sliceWidth(decoder: Decoder, { members, branches }: Width, removed: readonly number[]): OnnxModel {
  assertBranches(
    decoder,
    branches.map(([first]) => first.decoder),
  )
  const copy = new FileCopy(decoder.model)
  const gone = new Set(removed)
  const cut = new Map<TensorRef, TensorRef>()
  for (const { stored, axis, channels } of members) {
    const kept = Array.from(channels.keys()).filter((place) => !gone.has(channels[place]))
    cut.set(stored, cutTensor(cut.get(stored) ?? stored, axis, kept))
  }
  for (const [stored, smaller] of cut) copy.replace(stored, smaller)
  for (const parts of branches) {
    for (const part of parts) resizeNodes(new Slicer(copy, part, (label) => gone.has(part.channelOf(label))))
  }
  return copy.model
}
