/**
 * The identity of a base model: its graph, its weights and its tokenizer, byte for byte. They alone decide ids and
 * logits. The values that are read from config.json decide whether something can be done, not its result: the longest
 * window (a longer one is refused), the size of a past that is empty (a wrong one is refused by ONNX Runtime, or has no
 * elements either way), how many positions of the head are computed at once. The token that ends a text is used by
 * `recover --instructions` alone, at one site, and is part of the rows that its checkpoint is known by. What exporters
 * write into the other files is for other programs.
 */
import { createHash, type Hash } from 'node:crypto'
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { unreadableFile } from '../../files/linked-file.ts'
import { tokenizerIn } from '../text/tokenizer-file.ts'
import type { Decoder } from './decoder.ts'

const DOMAIN = 'coppice/model/1\0'
const READ_BYTES = 1 << 20

/**
 * SHA-256 of "coppice/model/1" NUL and, for model.onnx, each weights file it names in order and tokenizer.json, the
 * length (unsigned 64-bit little-endian) and SHA-256 of the file. Names and places of files do not count.
 */
export function modelHash(decoder: Decoder): Uint8Array {
  const files = [...decoder.files, tokenizerIn(decoder.directory.dir)]
  const hash = createHash('sha256').update(DOMAIN)
  for (const path of files) {
    const length = Buffer.alloc(8)
    length.writeBigUInt64LE(BigInt(statSync(path).size))
    hash.update(length).update(hashFile(path, createHash('sha256')).digest())
  }
  return new Uint8Array(hash.digest())
}

function opened(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (error) {
    throw unreadableFile(path, error)
  }
}

function hashFile(path: string, hash: Hash): Hash {
  const fd = opened(path)
  try {
    const buffer = new Uint8Array(READ_BYTES)
    for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer)) hash.update(buffer.subarray(0, read))
    return hash
  } finally {
    closeSync(fd)
  }
}
