/** A method in words for people. */
import { isStructuredMethod, type Method, type PrunerName, type SparsityTarget } from '../../src/form/method.ts'

export const PRUNER_NAMES: Record<PrunerName, string> = {
  sparsegpt: 'SparseGPT',
  wanda: 'Wanda',
  magnitude: 'magnitude',
}

/** A decimal share for people: 60 %, 12.5 %. */
export function percent(ppm: number): string {
  return `${ppm / 10_000} %`
}

/** Of what: "50 % of the weights", "2 of every 4 consecutive weights of a row". */
export function shareOfZeros(target: SparsityTarget): string {
  return target.kind === 'unstructured'
    ? `${percent(target.ppm)} of the weights`
    : `${target.n} of every ${target.m} consecutive weights of a row`
}

/** What a method has done to a model, a sentence for its card. */
export function doneInWords(method: Method): string {
  if (isStructuredMethod(method)) {
    const { ppm, from, to } = method.target
    return `${percent(ppm)} of the attention heads and channels of blocks ${from} to ${to - 1} were removed (LLM-Pruner).`
  }
  const { pruner, target } = method
  return `In every layer of the blocks ${shareOfZeros(target)} were made zero (${PRUNER_NAMES[pruner]}).`
}
