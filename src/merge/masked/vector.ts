/**
 * A member's vector of one slot: all whole numbers of a block that are added up over members, in one array. Under masks
 * its bytes say nothing of them. Behind the header, whose kind tells what is summed, the numbers stand little-endian:
 *
 * - mean squares: 16 bytes a column, input after input, whole numbers of 2^-72;
 * - products: 2 or 3 bytes a pair of columns i < j, input after input, in two's complement (pooled/products.ts);
 * - importances: 8 bytes a unit, structure after structure (structures/scaled-importances.ts);
 * - adapters: 8 bytes a number, A and B of layer after layer, whole numbers of 2^-40 in two's complement;
 * - votes: mean squares as above; then layer after layer 1 byte a weight, 1 if the member keeps it, and where weights
 *   are offered 5 bytes a weight, its value or 0, whole numbers of 2^-24 in two's complement (votes.ts).
 */
import type { BlockForm } from '../../form/block-form.ts'
import { type PrunerName, payloadOf } from '../../form/method.ts'
import type { StructuredForm } from '../../form/structured-form.ts'
import { FrameReader, HEADER_BYTES, kindOf, writeFrame } from '../bytes.ts'
import { InvalidContributionError } from '../errors.ts'
import { pairsOf, productBytes } from '../pooled/products.ts'
import { adapterSizes, RANK } from '../structures/adapter.ts'
import { CHUNK_BYTES, Wholes, type WholesForm } from './wholes.ts'

const HEAD = { magic: 'COPV', version: 1 }
const KINDS = { meanSquares: 1, products: 2, importances: 3, adapters: 4, votes: 5 }
const KIND_NAMES = ['meanSquares', 'products', 'importances', 'adapters', 'votes'] as const

export interface VectorForm {
  kind: keyof typeof KINDS
  /** One entry a layer input, a structure, a factor of an adapter, or a layer's votes or values. */
  parts: readonly WholesForm[]
}

export function meanSquaresForm({ inputs }: BlockForm): VectorForm {
  return { kind: 'meanSquares', parts: inputs.map((count) => ({ width: 16, count })) }
}

/** @param members - on the roster */
export function productsForm({ inputs }: BlockForm, members: number): VectorForm {
  const parts = inputs.map((cols) => ({ width: productBytes(cols, members), count: pairsOf(cols) }))
  return { kind: 'products', parts }
}

export function importancesForm({ structures }: StructuredForm): VectorForm {
  return { kind: 'importances', parts: structures.map(({ units }) => ({ width: 8, count: units })) }
}

export function adaptersForm({ layers }: StructuredForm): VectorForm {
  const sizes = layers.map((layer) => adapterSizes(layer, RANK))
  return { kind: 'adapters', parts: sizes.flatMap(({ a, b }) => [a, b]).map((count) => ({ width: 8, count })) }
}

export function votesForm(form: BlockForm, pruner: PrunerName): VectorForm {
  const layers = form.layers.flatMap(({ rows, cols }): WholesForm[] => {
    const [votes, values] = ([1, 5] as const).map((width) => ({ width, count: rows * cols }))
    return payloadOf(pruner) === 'weights' ? [votes, values] : [votes]
  })
  return { kind: 'votes', parts: [...meanSquaresForm(form).parts, ...layers] }
}

/** The length of a masked vector, in bytes. */
export function maskedBytes({ parts }: VectorForm): number {
  return parts.reduce((sum, { width, count }) => sum + width * count, HEADER_BYTES)
}

/** The kind that the bytes of a masked vector claim to have; null: they are none. */
export function maskedKindOf(bytes: Uint8Array): VectorForm['kind'] | null {
  const found = kindOf(bytes, HEAD)
  return KIND_NAMES.find((kind) => KINDS[kind] === found) ?? null
}

/** The one encoding of a vector. */
export function encodeMasked({ kind }: VectorForm, vector: readonly Wholes[]): Uint8Array {
  const arrays = vector.map((part) => part.bytes())
  return writeFrame({ ...HEAD, kind: KINDS[kind] }, arrays)
}

/**
 * The bytes of each part of a peer's masked vector, not copied. Every number is allowed: streams can give any.
 * @throws {InvalidContributionError} MAGIC, VERSION, KIND, RESERVED or LENGTH: the author is at fault
 */
export function readMasked({ kind, parts }: VectorForm, bytes: Uint8Array): Uint8Array[] {
  const reader = new FrameReader(bytes, HEAD, [KINDS[kind]], InvalidContributionError)
  const read = parts.map(({ width, count }) => reader.viewOf(width * count))
  reader.end()
  return read
}

/**
 * The sum of a list's vectors.
 * @param vectors - encoded, each read by `readMasked` before the next one is asked for
 */
export function sumOf(form: VectorForm, vectors: Iterable<Uint8Array>): Wholes[] {
  const sums = form.parts.map((part) => new Wholes(part))
  for (const bytes of vectors) {
    for (const [k, part] of readMasked(form, bytes).entries()) {
      for (let from = 0; from < part.length; from += CHUNK_BYTES)
        sums[k].add(from, part.subarray(from, from + CHUNK_BYTES), 1)
    }
  }
  return sums
}
