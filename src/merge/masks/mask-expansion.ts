/**
 * Mask expansion. After l0 averaging a weight is zero only if every member pruned it; these are fewer than the plan
 * asks, so more zeros are chosen until the plan is met. Source: FedSpaLLM (Bai et al., NAACL 2025), section 4.2,
 * equations 6 and 7, a layer at a time.
 *
 * Weights become zeros in a total order: votes descending, then saliency ascending, then flat row-major index
 * ascending. Votes take few values, so the bucket of votes in which the last zero falls is huge and its ties decide
 * most of the expansion. Only that bucket is ordered, and by selection, not sorting.
 */
import { ceilShare } from '../../base/decimal.ts'
import { dropKept, newMask } from '../../form/mask.ts'
import type { SparsityTarget } from '../../form/method.ts'
import { LowestSelector } from '../../prune/masks/lowest.ts'
import { saliency } from './saliency.ts'

interface VotedLayer {
  rows: number
  cols: number
  /** The number of members who prune each weight, row-major [rows, cols]. */
  votes: Uint16Array
  /** The number of members who voted. */
  voters: number
  /** The merged weights as stored, row-major [rows, cols]; read only where not all members prune. */
  values: Float32Array | Float16Array
  /** Summed squared column norms, [cols]. */
  columns: Float64Array
}

/**
 * The final mask, as a bitmap. The layer has max(ceil(s * size), number of weights that all members prune) zeros. Under
 * a pattern every m consecutive columns of a row have n zeros, or more if all members prune more.
 * @throws {RangeError} the pattern does not divide the columns
 */
export function expandMask(layer: VotedLayer, target: SparsityTarget): Uint8Array {
  if (target.kind === 'pattern') return expandGroups(layer, target.n, target.m)
  const { votes, voters, rows, cols } = layer
  const size = rows * cols
  const byVotes = countByVotes(votes, voters)
  let left = Math.max(ceilShare(size, target.ppm), byVotes[voters])
  let boundary = voters + 1
  while (left > 0 && byVotes[boundary - 1] <= left) left -= byVotes[--boundary]
  const mask = newMask(size)
  for (let i = 0; i < size; i++) if (votes[i] >= boundary) dropKept(mask, i)
  if (left > 0) dropLeastSalient(mask, layer, boundary - 1, byVotes[boundary - 1], left)
  return mask
}

/** Counts the weights that have 0, 1, ... `voters` votes. */
function countByVotes(votes: Uint16Array, voters: number): Float64Array {
  const counts = new Float64Array(voters + 1)
  for (let i = 0; i < votes.length; i++) counts[votes[i]]++
  return counts
}

/** Drops the `count` least salient weights of those that have exactly `bucket` votes; there are `size` of them. */
function dropLeastSalient(
  mask: Uint8Array,
  { votes, values, columns, rows, cols }: VotedLayer,
  bucket: number,
  size: number,
  count: number,
): void {
  const selector = new LowestSelector(size)
  const indices = new Uint32Array(size)
  let length = 0
  for (let row = 0; row < rows; row++) {
    for (let j = 0, i = row * cols; j < cols; j++, i++) {
      if (votes[i] !== bucket) continue
      selector.scores[length] = saliency(values[i], columns[j])
      indices[length++] = i
    }
  }
  const marks = selector.mark(length, count)
  for (let k = 0; k < length; k++) if (marks[k] === 1) dropKept(mask, indices[k])
}

function expandGroups({ votes, voters, values, columns, rows, cols }: VotedLayer, n: number, m: number): Uint8Array {
  if (cols % m !== 0) throw new RangeError(`${cols} columns are not a multiple of ${m}`)
  const size = rows * cols
  const mask = newMask(size)
  const scores = new Float64Array(m)
  for (let at = 0; at < size; at += m) {
    const column = at % cols
    for (let i = 0; i < m; i++) scores[i] = saliency(values[at + i], columns[column + i])
    for (let i = 0; i < m; i++) {
      if (votes[at + i] === voters || rankInGroup(votes, at, scores, i) < n) dropKept(mask, at + i)
    }
  }
  return mask
}

/**
 * The number of weights of a group that come before its i-th weight in the order. The group has scores.length weights
 * from `at` on.
 */
function rankInGroup(votes: Uint16Array, at: number, scores: Float64Array, i: number): number {
  const own = votes[at + i]
  let before = 0
  for (let j = 0; j < scores.length; j++) {
    const other = votes[at + j]
    if (other > own || (other === own && (scores[j] < scores[i] || (scores[j] === scores[i] && j < i)))) before++
  }
  return before
}
