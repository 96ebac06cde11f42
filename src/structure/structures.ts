/** Coupled structures of a block: what must be removed together, as places along axes of its tensors. */
import { isWeightName } from '../model/part.ts'
import type { GraphProto } from '../onnx/generated/onnx_pb.js'
import type { Followed } from './follow.ts'

/** A tensor of which every unit of a structure takes its share. */
export interface Member {
  /** Its name in the graph: a weight or a constant. */
  tensor: string
  axis: number
  /** By unit, ascending. */
  places: number[][]
}

export interface Structure {
  /** Units of one place, of a packed member two; or of several in every member: an attention head's, with the queries that share its keys. */
  kind: 'channels' | 'heads'
  units: number
  members: Member[]
  /** Why its units cannot be removed; undefined: they can. */
  locked: string | undefined
}

interface Share {
  tensor: string
  axis: number
  place: number
}

/** In the order of the graph; the model's width, which all blocks share, is none of a block's. */
export function findStructures(graph: GraphProto, followed: Followed): Structure[] {
  for (const { opType, name, output } of graph.node) {
    if (opType !== 'Constant') continue // inside a node, where nothing is cut
    for (const places of followed.axes.get(output[0]) ?? [])
      followed.labels.lock(places, `"${name}" holds a number for each`)
  }
  const structures = new Map<string, { units: Share[][]; locked: string | undefined }>()
  for (const [root, shares] of classes(graph, followed)) {
    const key = JSON.stringify(tally(shares))
    const known = structures.get(key) ?? { units: [], locked: undefined }
    known.units.push(shares)
    known.locked ??= followed.labels.whyLocked(root)
    structures.set(key, known)
  }
  return [...structures.values()].map(({ units, locked }): Structure => {
    const members = tally(units[0]).map(([tensor, axis]): Member => {
      const own = (share: Share) => share.tensor === tensor && share.axis === axis
      return { tensor, axis, places: units.map((shares) => shares.filter(own).map(({ place }) => place)) }
    })
    const kind = members.every(({ places: [first] }) => first.length > 1) ? 'heads' : 'channels'
    return { kind, units: units.length, members, locked }
  })
}

/** Shares by class, but for the residual stream's; in the order of places in the order of tensors. */
function classes(graph: GraphProto, { labels, axes }: Followed): Map<number, Share[]> {
  const found = new Map<number, Share[]>()
  const tensors = [...graph.input.map(({ name }) => name), ...graph.initializer.map(({ name }) => name)]
  const fed = new Set(tensors)
  // The order of first use, so that members come as the graph reads them.
  const used = [...new Set(graph.node.flatMap(({ input }) => input).filter((name) => fed.has(name)))]
  for (const tensor of used) {
    if (!isFixed(graph, tensor)) continue
    for (const [axis, places] of (axes.get(tensor) ?? []).entries()) {
      for (const [place, label] of (places ?? []).entries()) {
        const root = labels.find(label)
        if (labels.isResidual(root)) continue
        const shares = found.get(root)
        if (shares) shares.push({ tensor, axis, place })
        else found.set(root, [{ tensor, axis, place }])
      }
    }
  }
  return found
}

function isFixed(graph: GraphProto, tensor: string): boolean {
  return isWeightName(tensor) || graph.initializer.some(({ name }) => name === tensor)
}

/** Tensors, axes and how many places: alike for the units of one structure. */
function tally(shares: readonly Share[]): [tensor: string, axis: number, count: number][] {
  const counts = new Map<string, [string, number, number]>()
  for (const { tensor, axis } of shares) {
    const key = `${tensor} ${axis}`
    const known = counts.get(key)
    if (known) known[2]++
    else counts.set(key, [tensor, axis, 1])
  }
  return [...counts.values()]
}
