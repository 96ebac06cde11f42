/** Vectors that a cheat masks in place of its own, or offers in place of a masked one. */
import { readFile, writeFile } from 'node:fs/promises'
import type { StreamKey } from '../../../../src/merge/masked/streams.ts'
import { Wholes } from '../../../../src/merge/masked/wholes.ts'
import { fixedMeanSquare } from '../../../../src/merge/sums/exact-sum.ts'
import { drawn } from '../members.ts'
import { PooledMatrices } from './pooled-matrices.ts'

/** Masks other mean squares than its own. @param lie - in place of a column's whole number */
function liesAs(lie: (own: bigint) => bigint): typeof PooledMatrices {
  return class extends PooledMatrices {
    protected override offered(vector: Wholes[]): Wholes[] {
      return vector.map((part) => Wholes.ofBigInts(16, part.bigInts().map(lie)))
    }
  }
}

/** Numbers of all lengths: their sum with others is almost certainly larger than mean squares can be. */
export const Garbage = liesAs(() => BigInt(`0x${Buffer.from(drawn(16)).toString('hex')}`))
/** So large that nothing is left of the products of others. */
export const Huge = liesAs(() => fixedMeanSquare(2 ** 40))
/** Half of the columns, whichever they are, count some sixty times as much as the others: too little to be doubted. */
export const Half = liesAs((own) => ((own >> 60n) % 2n === 0n ? fixedMeanSquare(30) : own))

/** Offers masked vectors that are not as long as they must be. */
function ofLength(change: (bytes: Uint8Array) => Uint8Array): typeof PooledMatrices {
  return class extends PooledMatrices {
    override async mask(slot: number, file: string, streams: StreamKey[], out: string): Promise<number> {
      await super.mask(slot, file, streams, out)
      const changed = change(await readFile(out))
      await writeFile(out, changed)
      return changed.length
    }
  }
}

export const Shorter = ofLength((bytes) => bytes.subarray(0, -1))
export const Longer = ofLength((bytes) => Uint8Array.of(...bytes, 0))

/** The masked vectors of the victim, by slot. */
type Shown = Map<number, PromiseWithResolvers<Uint8Array>>

/** Two kinds of work: that of the victim, and one that offers what the victim has masked. */
export function copied(): { Victim: typeof PooledMatrices; Copier: typeof PooledMatrices } {
  const shown: Shown = new Map()
  const of = (slot: number) => {
    const known = shown.get(slot) ?? Promise.withResolvers<Uint8Array>()
    shown.set(slot, known)
    return known
  }
  const Victim = class extends PooledMatrices {
    override async mask(slot: number, file: string, streams: StreamKey[], out: string): Promise<number> {
      const length = await super.mask(slot, file, streams, out)
      of(slot).resolve(await readFile(out))
      return length
    }
  }
  const Copier = class extends PooledMatrices {
    override async mask(slot: number, _file: string, _streams: StreamKey[], out: string): Promise<number> {
      const bytes = await of(slot).promise
      await writeFile(out, bytes)
      return bytes.length
    }
  }
  return { Victim, Copier }
}
