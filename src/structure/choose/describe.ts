/** What a decoder's coupled structures are, and what a ratio would remove of them, in plain data. */

import type { Decoder } from '../../model/forward/decoder.ts'
import { elementCount, isFloating } from '../../onnx/tensor.ts'
import type { GroupQueries } from '../find/follow.ts'
import { structuresOf } from '../find/follow-blocks.ts'
import type { Member, Structure } from '../find/structure.ts'
import { perGroup, placesPerUnit } from './units-per-group.ts'

export interface MemberDescription {
  /** The name of a layer, of another weight, or null: a constant that the exporter gave no name of its own. */
  name: string | null
  /** What is taken of it: outputs or inputs of a layer, else places along an axis. */
  along: 'outputs' | 'inputs' | number
  /** Places that each unit takes. */
  places: number
  /** Trained numbers among these. */
  parameters: number
}

export interface StructureDescription {
  block: number
  kind: Structure['kind']
  units: number
  /** As many go of each of so many groups. */
  groups: number
  /** What a ratio counts, of each unit: the fewest places that it takes of a layer. */
  places: number
  /** Trained numbers of each unit. */
  parameters: number
  members: MemberDescription[]
  /** Why no unit can be removed; null: any can. */
  locked: string | null
}

/** Block by block, in the order of the graph. */
export async function describeStructures(
  decoder: Decoder,
  groupQueries: GroupQueries = 'kv',
): Promise<StructureDescription[]> {
  const structures = await structuresOf(decoder, groupQueries)
  return structures.flatMap((own, block) => own.map((structure) => describeStructure(decoder, block, structure)))
}

/** Trained numbers of one unit, in all its members. */
export function parametersOfUnit(decoder: Decoder, block: number, { members }: Structure): number {
  return members.reduce((sum, member) => sum + describeMember(decoder, block, member).parameters, 0)
}

function describeStructure(decoder: Decoder, block: number, structure: Structure): StructureDescription {
  const members = structure.members.map((member) => describeMember(decoder, block, member))
  return {
    block,
    kind: structure.kind,
    units: structure.units,
    groups: structure.groups,
    places: placesPerUnit(decoder, block, structure),
    parameters: members.reduce((sum, { parameters }) => sum + parameters, 0),
    members,
    locked: structure.locked ?? null,
  }
}

function describeMember(decoder: Decoder, block: number, { tensor, axis, places: [first] }: Member): MemberDescription {
  const places = first.length
  const role = decoder.cut.blocks[block].layers.findIndex(({ weight }) => weight.name === tensor)
  const ref = decoder.index.initializers.get(tensor)
  const parameters =
    ref !== undefined && isFloating(ref.dataType) ? (elementCount(ref.dims) / ref.dims[axis]) * places : 0
  if (role === -1) return { name: ref === undefined ? null : tensor, along: axis, places, parameters }
  const { stored } = decoder.cut.blocks[block].layers[role]
  const name = decoder.layers.find((layer) => layer.block === block && layer.role === role)?.name ?? tensor
  return { name, along: (stored === 'out-in') === (axis === 0) ? 'outputs' : 'inputs', places, parameters }
}

export interface RatioDescription {
  ratio: number
  /** Units of each kind that go, over all blocks. */
  heads: number
  queries: number
  channels: number
  /** Trained numbers that go. */
  parameters: number
}

/** What a ratio would remove, by LLM-Pruner's count; of structures that are locked nothing. */
export function describeRatio(structures: readonly StructureDescription[], ratio: number): RatioDescription {
  const total = { ratio, heads: 0, queries: 0, channels: 0, parameters: 0 }
  for (const { kind, units, groups, places, parameters, locked } of structures) {
    if (locked !== null) continue
    const removed = groups * perGroup({ units, groups }, places, ratio)
    total[kind] += removed
    total.parameters += removed * parameters
  }
  return total
}
