/** The job of merging the contributions to one block. */
import { readFileSync, writeFileSync } from 'node:fs'
import { unwritable } from '../../base/system-errors.ts'
import type { BlockForm } from '../../form/block-form.ts'
import { countZeros } from '../../form/mask.ts'
import { type Merging, poolsMoments } from '../../form/merging.ts'
import { isStructuredMethod, type Method, type StructuredTarget } from '../../form/method.ts'
import type { BlockCase } from '../../merge/masks/block-case.ts'
import { mergeBlock } from '../../merge/masks/l0.ts'
import { encodeMergedBlock, type MergedBlock, maskChange } from '../../merge/masks/merged-block.ts'
import { addProducts, pooledStatistics, solvePooled } from '../../merge/pooled/pooled-block.ts'
import { encodeTotals, totalsOf } from '../../merge/pooled/totals.ts'
import { blockRoot } from '../../merge/roots.ts'
import { decodeStructuredBlock, encodeStructuredBlock, unitChange } from '../../merge/structures/structured-block.ts'
import { decodeStructured } from '../../merge/structures/structured-contribution.ts'
import { mergeStructured } from '../../merge/structures/structured-merge.ts'
import type { StructuredModel } from '../../structure/federated/structured-model.ts'
import type { Bench } from '../bench.ts'
import { readMerged } from '../block-files.ts'
import { readContributions, readPooled } from './contribution-files.ts'

interface BlockMerge {
  dir: string
  method: Method
  merging: Merging
  block: number
  out: string
  previous: string | null
}

/** Encoded contributions, in any order. */
interface OpenContributions {
  paths: string[]
}

interface MaskedVectors {
  masked: MaskedOpenings
  /** The number of rounds in the plan. */
  rounds: number
}

type MergeArgs = BlockMerge & (OpenContributions | MaskedVectors)

interface MergedBlockReport {
  root: Uint8Array
  /** The number of mask bits; if structures are removed, of units. */
  moved: number
  bits: number
  zeros: number
  /** The reason for which a total does not fit this site's own part; null: it fits, or none is known. */
  doubt: string | null
}

/** A total that no sum of honest parts can be, in words: the block is not merged. */
interface ImpossibleTotal {
  impossible: string
}

export async function merge(
  { dir, method, ...files }: Files & { dir: string; method: Method },
  bench: Bench,
): Promise<MergedBlockReport> {
  if (isStructuredMethod(method)) return mergeStructures(await bench.structured(dir), method.target, files)
  const decoder = bench.open(dir)
  const form = decoder.forms[files.block]
  const block: BlockCase = { form, method, base: decoder.baseWeights(files.block) }
  if (!poolsMoments(method, files.merging)) return report(block, mergeMasks(block, files), files)
  const { isComplete, products, statistics } = readPooled(form, files.paths, files.merging.members)
  const totals = totalsOf(form, statistics)
  if (!isComplete) return reportTotals(form, totals, files)
  const moments = { totals, products: addProducts(form, products()), members: files.merging.members }
  const { block: merged } = await solvePooled(block, moments, await bench.portableSolvers())
  return report(block, merged, files)
}

function mergeMasks(block: BlockCase, { paths, merging: { rule, faults } }: Files): MergedBlock {
  const { form, method } = block
  const contributions = readContributions(form, method.pruner, paths)
  if (rule !== 'pooled') return mergeBlock(block, contributions, faults)
  return mergeBlock(block, [{ inputs: pooledStatistics(form, contributions) }])
}

function report({ form }: BlockCase, merged: MergedBlock, { out, previous }: Files): MergedBlockReport {
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
function reportTotals(form: BlockForm, totals: readonly Float64Array[], { out }: Files): MergedBlockReport {
  const bytes = encodeTotals(totals)
  write(out, bytes)
  const bits = form.layers.reduce((sum, { rows, cols }) => sum + rows * cols, 0)
  return { root: blockRoot(bytes), moved: 0, bits, zeros: 0 }
}

function mergeStructures(
  { forms }: StructuredModel,
  target: StructuredTarget,
  { block, paths, merging: { faults }, out, previous }: Files,
): MergedBlockReport {
  const form = forms[block]
  const contributions = paths.map((path) => decodeStructured(form, readFileSync(path)))
  const merged = mergeStructured(form, target, block, contributions, faults)
  const bytes = encodeStructuredBlock(form, merged)
  write(out, bytes)
  const before = previous === null ? null : decodeStructuredBlock(form, readFileSync(previous))
  return { root: blockRoot(bytes), ...unitChange(form, before, merged) }
}

/** A merge outlasts no process, so it need not be durable. @throws {OutputError} OUTPUT_UNWRITABLE */
function write(path: string, bytes: Uint8Array): void {
  try {
    writeFileSync(path, bytes)
  } catch (error) {
    throw unwritable(path, error)
  }
}
