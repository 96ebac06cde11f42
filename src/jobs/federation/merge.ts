/** The job of merging the contributions to one block. */
import { readFileSync, writeFileSync } from 'node:fs'
import { unwritable } from '../../base/system-errors.ts'
import { countZeros } from '../../form/mask.ts'
import { isStructuredMethod, type Method, type SparseMethod, type StructuredTarget } from '../../form/method.ts'
import { mergeBlock } from '../../merge/masks/l0.ts'
import { encodeMergedBlock, maskChange } from '../../merge/masks/merged-block.ts'
import { blockRoot } from '../../merge/roots.ts'
import { decodeStructuredBlock, encodeStructuredBlock, unitChange } from '../../merge/structures/structured-block.ts'
import { decodeStructured } from '../../merge/structures/structured-contribution.ts'
import { mergeStructured } from '../../merge/structures/structured-merge.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import type { StructuredModel } from '../../structure/federated/structured-model.ts'
import type { Bench } from '../bench.ts'
import { readMerged } from '../block-files.ts'
import { readContributions } from './contribution-files.ts'

interface Files {
  block: number
  paths: string[]
  /** Liars that the merge withstands; 0: all count. */
  faults: number
  out: string
  previous: string | null
}

interface MergedBlockReport {
  root: Uint8Array
  /** The number of mask bits; if structures are removed, of units. */
  moved: number
  bits: number
  zeros: number
}

export async function merge(
  { dir, method, ...files }: Files & { dir: string; method: Method },
  bench: Bench,
): Promise<MergedBlockReport> {
  return isStructuredMethod(method)
    ? mergeStructures(await bench.structured(dir), method.target, files)
    : mergeMasks(bench.open(dir), method, files)
}

function mergeMasks(
  decoder: Decoder,
  { pruner, target }: SparseMethod,
  { block, paths, faults, out, previous }: Files,
): MergedBlockReport {
  const form = decoder.forms[block]
  const contributions = readContributions(form, pruner, paths)
  const merged = mergeBlock(
    { form, method: { pruner, target }, base: decoder.baseWeights(block) },
    contributions,
    faults,
  )
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

function mergeStructures(
  { forms }: StructuredModel,
  target: StructuredTarget,
  { block, paths, faults, out, previous }: Files,
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
