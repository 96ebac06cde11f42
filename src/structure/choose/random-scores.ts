/** Random scores: the baseline with which an importance is compared, as in LLM-Pruner's tables. */
import { createHash } from 'node:crypto'
import { drawer } from '../../form/draw.ts'

const SEED_DOMAIN = 'coppice/random-importance/1\0'

/**
 * The ranks of a random order, each order as likely as any other (Fisher-Yates); the same on every machine. A
 * structure's ranks do not depend on the other structures that are scored.
 * @param which - index of the structure in its block
 */
export function randomScores(units: number, seed: number, block: number, which: number): Float64Array {
  const draw = drawer(createHash('sha256').update(`${SEED_DOMAIN}${seed}\0${block}\0${which}`).digest())
  const scores = Float64Array.from({ length: units }, (_, rank) => rank)
  for (let last = units - 1; last > 0; last--) {
    const other = draw(last + 1)
    ;[scores[last], scores[other]] = [scores[other], scores[last]]
  }
  return scores
}
