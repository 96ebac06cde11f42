/**
 * What of a base model pruning does not reach, or finds done already, in plain sentences: to be read before work
 * begins.
 */
import type { SparsityTarget } from '../../src/form/method.ts'

/** The weight matrices in the blocks of a base model. */
export interface BlockMatrices {
  /** Those that are pruned; zeros of the base. */
  layers: readonly { weights: number; zeros: number }[]
  /** Those that are not. `reason`: what they are instead of a layer's weights, as a noun phrase. */
  unpruned: readonly { name: string; block: number; weights: number; reason: string }[]
}

/** Nothing where every matrix is a layer. @param done - what is not done to the others */
export function unprunedInWords(
  { layers, unpruned }: { layers: readonly { weights: number }[]; unpruned: BlockMatrices['unpruned'] },
  done: 'pruned' | 'trained',
): string[] {
  if (unpruned.length === 0) return []
  const left = weightsOf(unpruned)
  const count = `${unpruned.length} of the ${layers.length + unpruned.length} weight matrices in the blocks`
  return [
    `Not ${done}: ${count}, ${left.toLocaleString('en-US')} of ${(left + weightsOf(layers)).toLocaleString('en-US')} ` +
      'weights. They stay as they are:',
    ...unpruned.map(({ name, block, reason }) => `  block ${block}, ${name}: ${reason}`),
  ]
}

/** Nothing where the base has no more zeros than are asked for. */
export function sparserInWords({ layers }: BlockMatrices, target: SparsityTarget): string[] {
  const wanted = target.kind === 'unstructured' ? target.ppm / 1e6 : target.n / target.m
  const zeros = layers.reduce((sum, layer) => sum + layer.zeros, 0)
  const share = zeros / weightsOf(layers)
  const asked = `the ${percent(wanted)} asked for`
  if (share > wanted) return [`The base has ${percent(share)} zeros already, more than ${asked}.`]
  const sparser = layers.filter((layer) => layer.zeros > wanted * layer.weights).length
  if (sparser === 0) return []
  return [`${sparser} of the ${layers.length} layers of the base have more zeros already than ${asked}.`]
}

function weightsOf(matrices: readonly { weights: number }[]): number {
  return matrices.reduce((sum, { weights }) => sum + weights, 0)
}

/** A share for people: 0.7 -> 70 %. */
function percent(share: number): string {
  return `${Number((share * 100).toPrecision(4))} %`
}
