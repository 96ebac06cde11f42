/**
 * Stores pruned weights of blocks on disk, so that memory holds one block. A file has one block, its layers in order.
 */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BlockForm } from '../form/block-form.ts'
import type { BlockWeights } from '../form/block-weights.ts'
import { type StoredFile, storeFile } from './stored-file.ts'

/**
 * Writes row-major float32 weights, little-endian. The file is whole or absent.
 * @throws {OutputError} OUTPUT_UNWRITABLE
 */
export async function storeBlock(dir: string, block: number, weights: BlockWeights): Promise<StoredFile> {
  mkdirSync(dir, { recursive: true })
  return storeFile(join(dir, `block-${String(block).padStart(4, '0')}.f32`), weights)
}

/** Reads a file of storeBlock: one array a role, row-major [rows, cols]. */
export function loadBlock(path: string, { layers }: BlockForm): BlockWeights {
  const { buffer, byteOffset } = readFileSync(path)
  let at = byteOffset
  return layers.map(({ rows, cols }) => {
    const weight = new Float32Array(buffer.slice(at, at + 4 * rows * cols))
    at += weight.byteLength
    return weight
  })
}
