/** Coupled structures of a block: places along axes of its tensors that must be removed together. */
import { isWeightName } from '../../model/graph/part.ts'
import type { GraphProto } from '../../onnx/generated/onnx_pb.js'
import type { Followed } from './follow.ts'

/** A tensor of which each unit of a structure has some places. */
export interface CoupledTensor {
  /** Its name in the graph: a weight or a constant. */
  tensor: string
  axis: number
  /** The places of each unit, ascending. */
  places: number[][]
}

export interface Structure {
  /**
   * The kind of a unit. A channel has one place in each member, or two in a packed one. A head has several places in
   * each member, with the queries that share its keys. A query head has those of its queries alone, and keys and values
   * stay.
   */
  kind: 'channels' | 'heads' | 'queries'
  units: number
  /**
   * The number of equal groups that the units lie in, one after the other. The same number of units is removed from
   * each. Queries are grouped by the keys that they share.
   */
  groups: number
  members: CoupledTensor[]
  /** The reason why its units cannot be removed; undefined: they can be. */
  locked: string | undefined
}

interface Share {
  tensor: string
  axis: number
  place: number
}

/**
 * The structures of a block, in the order of the graph. The model's width is not among them, since all blocks share it.
 */
export function findStructures(graph: GraphProto, followed: Followed): Structure[] {
  for (const { opType, name, output } of graph.node) {
    if (opType !== 'Constant') continue // a constant inside a node, which cannot be cut
    for (const places of followed.axes.get(output[0]) ?? [])
      followed.labels.lock(places, `"${name}" holds a number for each`)
  }
  const structures = new Map<string, { units: Share[][]; locked: string | undefined; repeats: boolean }>()
  for (const [root, shares] of classes(graph, followed)) {
    const key = JSON.stringify(tally(shares))
    const known = structures.get(key) ?? { units: [], locked: undefined, repeats: followed.labels.isRepeat(root) }
    known.units.push(shares)
    known.locked ??= followed.labels.whyLocked(root)
    structures.set(key, known)
  }
  return [...structures.values()].map(({ units, locked, repeats }): Structure => {
    const members = tally(units[0]).map(([tensor, axis]): CoupledTensor => {
      const own = (share: Share) => share.tensor === tensor && share.axis === axis
      return { tensor, axis, places: units.map((shares) => shares.filter(own).map(({ place }) => place)) }
    })
    const kind = members.every(({ places: [first] }) => first.length > 1) ? 'heads' : 'channels'
    const structure: Structure = { kind, units: units.length, groups: 1, members, locked }
    return repeats ? queriesApart(structure) : structure
  })
}

/**
 * Unit r of a structure of repeats is the r-th query head of every group. Any query of a group may be removed, as long
 * as each group loses the same number. So each head is a unit: head g * repeats + r is the g-th run of places of repeat
 * r.
 */
function queriesApart({ units: repeats, members, locked }: Structure): Structure {
  const apart = members.map((member) => member.places.map(runs))
  const [[{ length: groups }]] = apart
  const unlike = apart.some((places) => places.some((own) => own.length !== groups))
  return {
    kind: 'queries',
    units: groups * repeats,
    groups,
    members: members.map(({ tensor, axis }, m) => {
      const head = (_: unknown, k: number) => apart[m][k % repeats][Math.floor(k / repeats)] ?? []
      return { tensor, axis, places: Array.from({ length: groups * repeats }, head) }
    }),
    locked: unlike ? (locked ?? 'queries that share keys do not lie side by side') : locked,
  }
}

/** Ascending numbers as runs without a gap. */
function runs(places: readonly number[]): number[][] {
  const found: number[][] = []
  for (const place of places) {
    const run = found.at(-1)
    if (run?.at(-1) === place - 1) run?.push(place)
    else found.push([place])
  }
  return found
}

/** The members of each class, without classes that stay, in the order of tensors and of their places. */
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
        if (labels.isKept(root)) continue
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

/** A key of tensors, axes and numbers of places. Units of one structure have the same key. */
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
