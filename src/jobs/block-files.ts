/** Files with weights of blocks that differ from the base. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadBlock } from '../files/block-store.ts'
import type { BlockForm } from '../form/block-form.ts'
import type { WeightsOf } from '../form/block-weights.ts'
import { applyMerged, decodeMergedBlock, type MergedBlock } from '../merge/masks/merged-block.ts'
import { areTotals } from '../merge/pooled/totals.ts'
import type { Decoder } from '../model/forward/decoder.ts'

/** An encoded MergedBlock or StructuredBlock, or a stored float32 block. */
export interface BlockFile {
  block: number
  kind: 'merged' | 'structured' | 'stored'
  path: string
}

/** Reads the files that have the base's shapes: merged and stored ones. */
export function weightsOfFiles(decoder: Decoder, files: readonly BlockFile[]): WeightsOf {
  const byBlock = new Map(files.map((file) => [file.block, file]))
  return (block) => {
    const file = byBlock.get(block)
    if (file === undefined) return undefined
    const form = decoder.forms[block]
    if (file.kind === 'stored') return loadBlock(file.path, form)
    const merged = readMerged(form, file.path)
    return merged === null ? undefined : applyMerged(form, decoder.baseWeights(block), merged)
  }
}

/** null: the block has its base weights until second moments have been added up. */
export function readMerged(form: BlockForm, path: string): MergedBlock | null {
  const bytes = readFileSync(path)
  return areTotals(bytes) ? null : decodeMergedBlock(form, bytes)
}

/** The block that a site alone has pruned, beside the moments that it offers: an encoded MergedBlock. */
export function ownBlockPath(dir: string, block: number): string {
  return join(dir, `own-${block}`)
}

/** A site's encoded contribution to a slot. */
export function contributionPath(dir: string, slot: number): string {
  return join(dir, `contribution-${slot}`)
}

/** A site's encoded products of a block. */
export function productsPath(dir: string, block: number): string {
  return join(dir, `products-${block}`)
}
