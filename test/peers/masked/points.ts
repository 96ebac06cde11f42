/** Points of Curve25519 that hostile members give as their keys, as 32 bytes, least significant first. */
import { fromHex } from '../../../protocols/wire/encoding.ts'

/** The field has the integers modulo P. */
const P = 2n ** 255n - 19n

/**
 * Every form of a key of low order: 0 (order 2), 1 and -1 (order 4), two coordinates of order 8, and those below 19
 * again above P; each also with the highest bit set, which is ignored.
 */
export function lowOrderKeys(): [name: string, key: Uint8Array][] {
  const coordinates: [string, bigint][] = [
    ['0', 0n],
    ['1', 1n],
    ['P - 1', P - 1n],
    ['P', P],
    ['P + 1', P + 1n],
    ['order 8', 325606250916557431795983626356110631294008115727848805560023387167927233504n],
    ['order 8 too', 39382357235489614581723060781553021112529911719440698176882885853963445705823n],
  ]
  return coordinates.flatMap(([name, u]): [string, Uint8Array][] => [
    [name, bytesOf(u)],
    [`${name}, highest bit set`, bytesOf(u + 2n ** 255n)],
  ])
}

/** The key of the point plus (0, 0), which has order 2: its coordinate is 1 / u = u^(P - 2) modulo P. */
export function inverted(key: Uint8Array): Uint8Array {
  const u = BigInt(`0x${Buffer.from(key).reverse().toString('hex')}`)
  let [result, square] = [1n, u]
  for (let exponent = P - 2n; exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = (result * square) % P
    square = (square * square) % P
  }
  return bytesOf(result)
}

function bytesOf(value: bigint): Uint8Array {
  const bytes = fromHex(value.toString(16).padStart(64, '0'))
  if (bytes === null) throw new RangeError(`${value} is no field element`)
  return bytes.reverse()
}
