/** Masked vectors of a list of members, read from files and opened at once. */
import { readFileSync } from 'node:fs'
import type { BlockForm } from '../../form/block-form.ts'
import type { StructuredForm } from '../../form/structured-form.ts'
import { doubtOf } from '../../merge/masked/doubt.ts'
import { addStreams, type StreamKey } from '../../merge/masked/streams.ts'
import { adapterTotals, importanceTotals, meanSquareTotals, productTotals } from '../../merge/masked/totals.ts'
import { sumOf } from '../../merge/masked/vector.ts'
import { votesTally } from '../../merge/masked/votes.ts'
import type { BlockCase } from '../../merge/masks/block-case.ts'
import type { BlockTally } from '../../merge/masks/tally.ts'
import type { PooledTotals } from '../../merge/pooled/totals.ts'
import type { StructuredTotals } from '../../merge/structures/structured-merge.ts'
import { pooledVector, type SlotVector, structuredVector } from './slot-vector.ts'

/** All that is needed to open the sum of one slot. */
export interface MaskedOpening {
  /** See src/merge/openings.ts: streams differ from slot to slot. */
  slot: number
  /** The masked vectors of the list, one a member, in any order. */
  paths: string[]
  /** The streams that the sum of the list holds, each with the sign with which masking has taken it in. */
  streams: StreamKey[]
  /** This site's own plain contribution to the slot, if its part is in the list: the total is compared with it. */
  own: string | null
}

/** The openings of a block: of its first slot, and of its second one once that is offered. See src/merge/slots.ts. */
export interface MaskedOpenings {
  first: MaskedOpening
  second: MaskedOpening | null
}

/** The totals that a block is merged from. */
interface Opened<Totals> {
  totals: Totals
  /** The reason for which a total does not fit this site's own part, in words; null: it fits, or none is known. */
  doubt: string | null
}

interface Place {
  block: number
  /** Decoder blocks of the model. */
  blocks: number
}

/** @param members - on the roster @throws {ImpossibleTotalError} */
export function openPooled(
  form: BlockForm,
  { block, blocks, members }: Place & { members: number },
  { first, second }: MaskedOpenings,
): Opened<PooledTotals> {
  const { sums, sites, doubt } = open(pooledVector(form, block, { blocks, members }), first)
  const meanSquares = meanSquareTotals(sums, sites)
  if (second === null) return { totals: { sites, meanSquares, products: null }, doubt }
  const offered = open(pooledVector(form, second.slot, { blocks, members }), second)
  const products = productTotals(offered.sums, form.inputs, { sites: offered.sites, members })
  return { totals: { sites, meanSquares, products }, doubt: doubt ?? offered.doubt }
}

/** A layer's votes are checked when the tally is asked for them. @throws {ImpossibleTotalError} */
export function openVotes(block: BlockCase, vector: SlotVector, { first }: MaskedOpenings): Opened<BlockTally> {
  const { sums, sites, doubt } = open(vector, first)
  return { totals: votesTally(block, sums, sites), doubt }
}

/** @throws {ImpossibleTotalError} */
export function openStructured(
  form: StructuredForm,
  { block, blocks }: Place,
  { first, second }: MaskedOpenings,
): Opened<StructuredTotals> {
  const { sums, sites, doubt } = open(structuredVector(form, block, blocks), first)
  const importances = importanceTotals(sums, sites)
  if (second === null) return { totals: { importances, adapters: null }, doubt }
  const trained = open(structuredVector(form, second.slot, blocks), second)
  const adapters = adapterTotals(trained.sums, trained.sites)
  return { totals: { importances, adapters }, doubt: doubt ?? trained.doubt }
}

/** Adds the vectors of a list up, one file in memory at a time, and takes the streams away. */
function open({ form, ofPlain, slot }: SlotVector, { own, paths, streams }: MaskedOpening) {
  if (paths.length === 0) throw new RangeError('an empty list: nothing is opened')
  const sums = sumOf(form, contents(paths))
  addStreams(sums, slot, streams, -1)
  return {
    sums,
    sites: paths.length,
    doubt: own === null ? null : doubtOf(form.kind, ofPlain(own), sums, paths.length),
  }
}

function* contents(paths: readonly string[]): Generator<Uint8Array> {
  for (const path of paths) yield readFileSync(path)
}
