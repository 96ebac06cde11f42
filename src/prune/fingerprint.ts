/** What a prune is of, in three parts: where all are the same, the same bits come out on one machine. */
import { createHash } from 'node:crypto'
import type { PrunerName, SparsityTarget } from '../merge/form.ts'
import type { Windows } from '../model/stream.ts'

export type Part = 'model' | 'text' | 'settings'

export interface Fingerprint {
  /** SHA-256 of each part, hexadecimal. */
  digests: Record<Part, string>
  /** The same parts for people. */
  words: Record<Part, string>
  /** Tokens and number of windows: texts cut otherwise cannot be compared. */
  windows: [count: number, length: number] | null
}

export interface PruneInputs {
  /** For people. */
  modelName: string
  /** See model/hash.ts. */
  modelHash: Uint8Array
  windows: Windows | undefined
  pruner: PrunerName
  target: SparsityTarget
  /** Ascending. */
  blocks: readonly number[]
  /** What is written of a block. */
  as: 'contribution' | 'stored'
  /** What flows through blocks that are not pruned, where it is not the base: SHA-256 of its file, hexadecimal. */
  weights: readonly { block: number; digest: string }[]
}

/** In front of what is hashed; another number where a prune of the same inputs gives other bits than before. */
const DOMAIN = 'coppice/prune/1'
/** Hexadecimal digits that people are shown. */
const SHOWN_DIGITS = 8

export function fingerprintOf(inputs: PruneInputs): Fingerprint {
  const { modelName, modelHash, windows, pruner, target, blocks, as } = inputs
  const shape: Fingerprint['windows'] = windows === undefined ? null : [windows.count, windows.length]
  const weights = [...inputs.weights].sort((a, b) => a.block - b.block).map(({ block, digest }) => [block, digest])
  const targetParts = target.kind === 'pattern' ? [target.n, target.m] : [target.ppm]
  const settings = [pruner, target.kind, targetParts, shape, blocks, as, weights]
  const digests = {
    model: Buffer.from(modelHash).toString('hex'),
    text: windows === undefined ? sha256('') : sha256(JSON.stringify(shape), windows.ids),
    settings: sha256(JSON.stringify(settings)),
  }
  const given = weights.length === 0 ? [] : [`merged weights ${sha256(JSON.stringify(weights)).slice(0, SHOWN_DIGITS)}`]
  const words = {
    model: `${modelName} ${digests.model.slice(0, SHOWN_DIGITS)}`,
    text: windows === undefined ? 'none' : digests.text.slice(0, SHOWN_DIGITS),
    settings: [pruner, targetWords(target), ...windowWords(shape), `blocks ${ranges(blocks)}`, ...given].join(', '),
  }
  return { digests, words, windows: shape }
}

/** What differs, in the order of the parts. Texts in other windows are not said to differ: the settings are. */
export function differences(a: Fingerprint, b: Fingerprint): Part[] {
  const comparable = JSON.stringify(a.windows) === JSON.stringify(b.windows)
  const parts: Part[] = comparable ? ['model', 'text', 'settings'] : ['model', 'settings']
  return parts.filter((part) => a.digests[part] !== b.digests[part])
}

function targetWords(target: SparsityTarget): string {
  return target.kind === 'pattern' ? `pattern ${target.n}:${target.m}` : `sparsity ${target.ppm / 1e6}`
}

function windowWords(shape: Fingerprint['windows']): string[] {
  return shape === null ? [] : [`${shape[0]} windows of ${shape[1]}`]
}

/** 0-3,5,7-9 */
function ranges(blocks: readonly number[]): string {
  const runs: [from: number, to: number][] = []
  for (const block of blocks) {
    const run = runs.at(-1)
    if (run !== undefined && run[1] === block - 1) run[1] = block
    else runs.push([block, block])
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(',')
}

function sha256(...parts: (string | ArrayBufferView)[]): string {
  const hash = createHash('sha256').update(DOMAIN)
  for (const part of parts) hash.update('\0').update(typeof part === 'string' ? part : bytes(part))
  return hash.digest('hex')
}

function bytes({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
