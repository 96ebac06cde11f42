/** Words for a method, as people read them. */
import { isStructuredMethod, type Method, type PrunerName, type SparsityTarget } from '../../src/form/method.ts'

export const PRUNER_NAMES: Record<PrunerName, string> = {
  sparsegpt: 'SparseGPT',
  wanda: 'Wanda',
  magnitude: 'magnitude',
}

/** A share as a percentage: 60 %, 12.5 %. */
export function percentOfPpm(ppm: number): string {
  return `${ppm / 10_000} %`
}

/** The share of zeros in words: "50 % of the weights", "2 of every 4 consecutive weights of a row". */
export function shareOfZeros(target: SparsityTarget): string {
  return target.kind === 'unstructured'
    ? `${percentOfPpm(target.ppm)} of the weights`
    : `${target.n} of every ${target.m} consecutive weights of a row`
}

/** A sentence for the card of a model that says what a method did to it. */
export function doneInWords(method: Method): string {
  if (isStructuredMethod(method)) {
    const { ppm, from, to } = method.target
    return `${percentOfPpm(ppm)} of the attention heads and channels of blocks ${from} to ${to - 1} were removed (LLM-Pruner).`
  }
  const { pruner, target } = method
  return `In every layer of the blocks ${shareOfZeros(target)} were made zero (${PRUNER_NAMES[pruner]}).`
}
