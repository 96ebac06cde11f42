/**
 * Nodes in topological order. ONNX demands it of a file, but ONNX Runtime does not, and its converter to fp16 appends
 * Casts at the end. Nodes that are in order keep their places.
 */
import { InputError } from '../../base/errors.ts'
import type { NodeProto } from '../generated/onnx_pb.js'
import type { Lowered } from './lowered.ts'

/** @throws {InputError} MODEL_UNREADABLE: nodes that wait for each other */
export function sortNodes({ model: { graph, path } }: Lowered): void {
  const makers = new Map(graph.node.flatMap((node) => node.output.map((output) => [output, node] as const)))
  const state = new Map<NodeProto, 'open' | 'placed'>()
  const sorted: NodeProto[] = []
  for (const node of graph.node) {
    const stack = [node] // not recursive: a decoder is thousands of nodes deep
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      if (state.get(top) === 'placed') {
        stack.pop()
        continue
      }
      const waiting = top.input.flatMap((input) => (input === '' ? [] : (makers.get(input) ?? [])))
      const next = waiting.find((maker) => state.get(maker) !== 'placed')
      if (next === undefined) {
        state.set(top, 'placed')
        sorted.push(top)
      } else if (state.get(next) === 'open' || next === top) throw circle(path, next)
      else {
        state.set(top, 'open')
        stack.push(next)
      }
    }
  }
  graph.node = sorted
}

function circle(path: string, { name }: NodeProto): InputError {
  return new InputError({
    code: 'MODEL_UNREADABLE',
    what: `${path}: the node "${name}" waits for its own output`,
    hint: 'Export or copy the model again.',
  })
}
