/** Random numbers from a seed: every member draws the same ones, and they have no bias. */
import { createHash } from 'node:crypto'

const DRAW_DOMAIN = 'coppice/sampling/1\0'
const WORD_VALUES = 2 ** 32
const WORDS_A_DIGEST = 8

/**
 * Returns a function that draws whole numbers in [0, n), each equally likely. The stream is SHA-256(domain || seed ||
 * c) for c = 0, 1, 2, ... (64 bits, little-endian), read as 8 words of 32 bits, little-endian, from the front. A draw
 * takes the next word below the largest multiple of n that is at most 2^32, passing over others, and is that word
 * modulo n; n is at most 2^32.
 */
export function drawer(seed: Uint8Array): (n: number) => number {
  let taken = 0
  let digest = Buffer.alloc(0)
  const nextWord = (): number => {
    const index = taken++ % WORDS_A_DIGEST
    if (index === 0) {
      const counter = Buffer.alloc(8)
      counter.writeBigUInt64LE(BigInt((taken - 1) / WORDS_A_DIGEST))
      digest = createHash('sha256').update(DRAW_DOMAIN).update(seed).update(counter).digest()
    }
    return digest.readUInt32LE(4 * index)
  }
  return (n) => {
    const limit = WORD_VALUES - (WORD_VALUES % n)
    let word = nextWord()
    while (word >= limit) word = nextWord()
    return word % n
  }
}
