/** The job of merging the contributions to one block. */
import { readFileSync, writeFileSync } from 'node:fs'
import { unwritable } from '../../base/system-errors.ts'
import { type BlockFit, unknownFit } from '../../form/block-fit.ts'
import type { BlockForm } from '../../form/block-form.ts'
import { countZeros } from '../../form/mask.ts'
import { type Merging, poolsMoments } from '../../form/merging.ts'
import { isStructuredMethod, type Method, type StructuredTarget } from '../../form/method.ts'
import type { StructuredForm } from '../../form/structured-form.ts'
import { ImpossibleTotalError } from '../../merge/errors.ts'
import { assertHonestMean } from '../../merge/masked/totals.ts'
import { watched } from '../../merge/masks/agreement.ts'
import type { BlockCase } from '../../merge/masks/block-case.ts'
import { mergeBlock, mergeTally } from '../../merge/masks/l0.ts'
import { encodeMergedBlock, type MergedBlock, maskChange } from '../../merge/masks/merged-block.ts'
import { pooledStatistics, solvePooled } from '../../merge/pooled/pooled-block.ts'
import { encodeTotals } from '../../merge/pooled/totals.ts'
import { blockRoot } from '../../merge/roots.ts'
import {
  decodeStructuredBlock,
  encodeStructuredBlock,
  type StructuredBlock,
  unitChange,
} from '../../merge/structures/structured-block.ts'
import { decodeStructured } from '../../merge/structures/structured-contribution.ts'
import { mergeStructured, mergeTotals } from '../../merge/structures/structured-merge.ts'
import type { StructuredModel } from '../../structure/federated/structured-model.ts'
import type { Bench } from '../bench.ts'
import { readMerged } from '../block-files.ts'
import { doubtOfPlain, pooledTotals, readContributions } from './contribution-files.ts'
import { type MaskedOpenings, openPooled, openStructured, openVotes } from './masked-opening.ts'
import { votesVector } from './slot-vector.ts'
import { trainingOf } from './training.ts'

interface BlockMerge {
  block: number
  merging: Merging
  out: string
  previous: string | null
}

interface PlainContributions {
  /** Encoded, in any order. */
  paths: string[]
  /** This site's own mean squares, where these are pooled: totals that they are in are compared with them. */
  own?: string | null
}

interface MaskedVectors {
  masked: MaskedOpenings
  /** The number of rounds in the plan. */
  rounds: number
}

type Job = BlockMerge & (PlainContributions | MaskedVectors)

interface MergedBlockReport {
  root: Uint8Array
  /** The number of mask bits; if structures are removed, of units. */
  moved: number
  bits: number
  zeros: number
  /** The reason for which a total does not fit this site's own part, in words; null: it fits, or none is known. */
  doubt: string | null
  fit: BlockFit
}

/** A total that no sum of honest parts can be, in words: the block is not merged. */
interface ImpossibleTotal {
  impossible: string
}

export async function merge(
  { dir, method, ...job }: Job & { dir: string; method: Method },
  bench: Bench,
): Promise<MergedBlockReport | ImpossibleTotal> {
  try {
    if (isStructuredMethod(method)) return mergeStructures(await bench.structured(dir), method.target, job)
    const decoder = bench.open(dir)
    const block: BlockCase = { form: decoder.forms[job.block], method, base: decoder.baseWeights(job.block) }
    const fit = unknownFit(block.form.layers.length)
    const agreement = [...fit.agreement]
    if (job.merging.rule === 'pooled') return await mergePooled(block, decoder.blocks, job, bench)
    if ('masked' in job) {
      const { totals, doubt } = openVotes(block, votesVector(decoder, method, job.block), job.masked)
      return { ...report(block, mergeTally(block, watched(totals, agreement)), job), doubt, fit: { ...fit, agreement } }
    }
    const contributions = readContributions(block.form, method.pruner, job.paths)
    const merged = mergeBlock(block, contributions, job.merging.faults, agreement)
    return { ...report(block, merged, job), doubt: null, fit: { ...fit, agreement } }
  } catch (error) {
    if (error instanceof ImpossibleTotalError) return { impossible: `block ${job.block}, ${error.reason}` }
    throw error
  }
}

/** @param blocks - decoder blocks of the model */
async function mergePooled(block: BlockCase, blocks: number, job: Job, bench: Bench): Promise<MergedBlockReport> {
  const { form, method } = block
  const { members } = job.merging
  const fit = unknownFit(form.layers.length)
  const { totals, doubt } =
    'masked' in job
      ? openPooled(form, { block: job.block, blocks, members }, job.masked)
      : { totals: pooledTotals(form, job.paths, members), doubt: doubtOfPlain(form, job.paths, job.own ?? null) }
  if (!poolsMoments(method, job.merging))
    return { ...report(block, mergeBlock(block, [{ inputs: pooledStatistics(totals) }]), job), doubt, fit }
  const { meanSquares, products } = totals
  if (products === null) return { ...reportTotals(form, meanSquares, job), doubt, fit }
  const solved = await solvePooled(block, { meanSquares, products, members }, await bench.portableSolvers())
  const { damping, error } = solved
  return { ...report(block, solved.block, job), doubt, fit: { ...fit, damping, error } }
}

type Counts = Omit<MergedBlockReport, 'doubt' | 'fit'>

function report({ form }: BlockCase, merged: MergedBlock, { out, previous }: BlockMerge): Counts {
  const bytes = encodeMergedBlock(form, merged)
  write(out, bytes)
  const before = previous === null ? null : readMerged(form, previous)
  const { moved, bits } = maskChange(form, before, merged)
  const zeros = merged.layers.reduce(
    (sum, { mask }, role) => sum + countZeros(mask, form.layers[role].rows * form.layers[role].cols),
    0,
  )
  return { root: blockRoot(bytes), moved, bits, zeros }
}

/** Nothing is pruned yet. */
function reportTotals(form: BlockForm, totals: readonly Float64Array[], { out }: BlockMerge): Counts {
  const bytes = encodeTotals(totals)
  write(out, bytes)
  const bits = form.layers.reduce((sum, { rows, cols }) => sum + rows * cols, 0)
  return { root: blockRoot(bytes), moved: 0, bits, zeros: 0 }
}

function mergeStructures(model: StructuredModel, target: StructuredTarget, job: Job): MergedBlockReport {
  const { block, out, previous } = job
  const form = model.forms[block]
  const { merged, doubt } =
    'masked' in job ? mergeMasked(model, target, job) : { merged: mergePlain(form, target, job), doubt: null }
  const bytes = encodeStructuredBlock(form, merged)
  write(out, bytes)
  const before = previous === null ? null : decodeStructuredBlock(form, readFileSync(previous))
  return { root: blockRoot(bytes), ...unitChange(form, before, merged), doubt, fit: unknownFit(0) }
}

function mergePlain(
  form: StructuredForm,
  target: StructuredTarget,
  { block, merging: { faults }, paths }: BlockMerge & PlainContributions,
): StructuredBlock {
  const contributions = paths.map((path) => decodeStructured(form, readFileSync(path)))
  return mergeStructured(form, target, block, contributions, faults)
}

function mergeMasked(
  { decoder, forms }: StructuredModel,
  target: StructuredTarget,
  { block, masked, rounds }: BlockMerge & MaskedVectors,
): { merged: StructuredBlock; doubt: string | null } {
  const { totals, doubt } = openStructured(forms[block], { block, blocks: decoder.blocks }, masked)
  const merged = mergeTotals(forms[block], target, block, totals)
  if (merged.adapters !== null)
    assertHonestMean(decoder.baseWeights(block), trainingOf(decoder, block, target, rounds), merged.adapters)
  return { merged, doubt }
}

/** A merge outlasts no process, so it need not be durable. @throws {OutputError} OUTPUT_UNWRITABLE */
function write(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes)
  } catch (error) {
    throw unwritable(path, error)
  }
}
