/** Pruned weights of blocks on disk, so that memory holds one block: a file a block, its layers one after the other. */
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { BlockForm } from '../merge/form.ts'
import type { BlockWeights } from './decoder.ts'

/** Writes row-major float32 weights, little-endian, whole or not at all; returns the file's path. */
export function storeBlock(dir: string, block: number, weights: BlockWeights): string {
  mkdirSync(dir, { recursive: true })
  const path = join(dir, `block-${String(block).padStart(4, '0')}.f32`)
  const fd = openSync(`${path}.part`, 'w')
  try {
    for (const { buffer, byteOffset, byteLength } of weights)
      writeSync(fd, new Uint8Array(buffer, byteOffset, byteLength))
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
  renameSync(`${path}.part`, path)
  return path
}

/** The inverse of storeBlock: by role, row-major [rows, cols]. */
export function loadBlock(path: string, { layers }: BlockForm): BlockWeights {
  const { buffer, byteOffset } = readFileSync(path)
  let at = byteOffset
  return layers.map(({ rows, cols }) => {
    const weight = new Float32Array(buffer.slice(at, at + 4 * rows * cols))
    at += weight.byteLength
    return weight
  })
}
