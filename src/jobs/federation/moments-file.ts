/**
 * The second moments of a site's own text for one block, which wait on its disk until the totals are known: for each
 * layer input its mean squares, then the means of x_i x_j, i < j, row by row, as float32. A digest at the end proves
 * the file whole.
 */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type StoredFile, storeFile } from '../../files/stored-file.ts'
import type { BlockForm } from '../../form/block-form.ts'
import { pairsOf } from '../../merge/pooled/products.ts'

interface OwnMoments {
  /** [cols]. */
  meanSquares: Float32Array
  /** One a pair i < j. */
  gram: Float32Array
}

function pathOf(dir: string, block: number): string {
  return join(dir, `moments-${block}`)
}

export function storeMoments(dir: string, block: number, moments: readonly OwnMoments[]): Promise<StoredFile> {
  const arrays = moments.flatMap(({ meanSquares, gram }) => [meanSquares, gram])
  const hash = createHash('sha256')
  for (const array of arrays) hash.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength))
  return storeFile(pathOf(dir, block), [...arrays, hash.digest()])
}

/** One entry a layer input; null where the file is missing or not whole. */
export function readMoments(dir: string, block: number, { inputs }: BlockForm): OwnMoments[] | null {
  const path = pathOf(dir, block)
  if (!existsSync(path)) return null
  const bytes = readFileSync(path)
  const end = bytes.byteLength - DIGEST_BYTES
  const content = bytes.subarray(0, end)
  const wanted = inputs.reduce((sum, cols) => sum + 4 * (cols + pairsOf(cols)), 0)
  if (end !== wanted || !createHash('sha256').update(content).digest().equals(bytes.subarray(end))) return null
  let at = 0
  const take = (count: number) => {
    const values = new Float32Array(new Uint8Array(content.subarray(at, at + 4 * count)).buffer)
    at += 4 * count
    return values
  }
  return inputs.map((cols) => ({ meanSquares: take(cols), gram: take(pairsOf(cols)) }))
}

const DIGEST_BYTES = 32

/** The means above the diagonal, row by row. @param sums - X^T X, [cols, cols]; its upper triangle is read */
export function meansAbove(sums: Float32Array, cols: number, tokens: number): Float32Array {
  const means = new Float32Array(pairsOf(cols))
  for (let i = 0, at = 0; i < cols; i++) for (let j = i + 1; j < cols; j++) means[at++] = sums[i * cols + j] / tokens
  return means
}
