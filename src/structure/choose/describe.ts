/** Describes a decoder's coupled structures, and the units that a ratio would remove of them, in plain data. */

import { ppmToFraction } from '../../base/decimal.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import { elementCount, isFloating } from '../../onnx/tensor.ts'
import { structuresOf } from '../find/follow-blocks.ts'
import type { CoupledTensor, Structure } from '../find/structure.ts'
import type { GroupQueries } from '../find/walk.ts'
import { perGroup, placesPerUnit } from './units-per-group.ts'

export interface MemberDescription {
  /** The name of a layer or of another weight; null for a constant to which the exporter gave no name. */
  name: string | null
  /** The axis along which places are removed: outputs or inputs of a layer, else the number of the axis. */
  along: 'outputs' | 'inputs' | number
  /** The number of places that each unit takes. */
  places: number
  /** The number of trained numbers among these places. */
  parameters: number
}

export interface StructureDescription {
  block: number
  kind: Structure['kind']
  units: number
  /** The number of groups; the same number of units is removed of each. */
  groups: number
  /** The number of places that a ratio counts for each unit: the fewest that it takes of a layer. */
  places: number
  /** The number of trained numbers of each unit. */
  parameters: number
  members: MemberDescription[]
  /** The reason why no unit can be removed; null if any can. */
  locked: string | null
}

/** One entry a structure, block by block, in the order of the graph. */
export async function describeStructures(
  decoder: Decoder,
  groupQueries: GroupQueries = 'kv',
): Promise<StructureDescription[]> {
  const structures = await structuresOf(decoder, groupQueries)
  return structures.flatMap((own, block) => own.map((structure) => describeStructure(decoder, block, structure)))
}

/** The number of trained numbers of one unit, in all its members. */
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

function describeMember(
  decoder: Decoder,
  block: number,
  { tensor, axis, places: [first] }: CoupledTensor,
): MemberDescription {
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
  /** The number of units of each kind that are removed, over all blocks. */
  heads: number
  queries: number
  channels: number
  /** The number of trained numbers that are removed. */
  parameters: number
}

/** The units that a share in parts per million would remove, by LLM-Pruner's count; none of locked structures. */
export function describeRatio(structures: readonly StructureDescription[], ppm: number): RatioDescription {
  const total = { ratio: ppmToFraction(ppm), heads: 0, queries: 0, channels: 0, parameters: 0 }
  for (const { kind, units, groups, places, parameters, locked } of structures) {
    if (locked !== null) continue
    const removed = groups * perGroup({ units, groups }, places, ppm)
    total[kind] += removed
    total.parameters += removed * parameters
  }
  return total
}
