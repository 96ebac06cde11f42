/** The identity of a base model: its graph, its weights and its tokenizer, byte for byte. */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import type { Decoder } from './decoder.ts'
import { tokenizerFile } from './tokenizer-definition.ts'

const DOMAIN = 'coppice/model/1\0'
const READ_BYTES = 1 << 20

/**
 * SHA-256 of "coppice/model/1" NUL and, for model.onnx, each weights file it names in order and tokenizer.json, the
 * length (unsigned 64-bit little-endian) and SHA-256 of the file. Names and places of files do not count.
 */
export function modelHash(decoder: Decoder): Uint8Array {
  const files = [...decoder.files, tokenizerFile(decoder.directory.dir)]
  const hash = createHash('sha256').update(DOMAIN)
  for (const path of files) {
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(statSync(path).size))
    hash.update(length).update(hashFile(path, createHash('sha256')).digest())
  }
  return new Uint8Array(hash.digest())
}

function hashFile(path: string, hash: Hash): Hash {
  const fd = openSync(path, 'r')
  try {
    const buffer = new Uint8Array(READ_BYTES)
    for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer)) hash.update(buffer.subarray(0, read))
    return hash
  } finally {
    closeSync(fd)
  }
}
