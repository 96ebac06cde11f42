/**
 * Sentences about a base model, to be read before work begins: the matrices that pruning does not reach, and the zeros
 * that the base has already.
 */
import type { SparsityTarget } from '../../src/form/method.ts'

/** The weight matrices in the blocks of a base model. */
export interface BlockMatrices {
  /** The matrices that are pruned, with the number of their zeros in the base. */
  layers: readonly { weights: number; zeros: number }[]
  /**
   * The matrices that are not pruned. `reason`: the role of a matrix in place of a layer's weights, as a noun phrase.
   */
  unpruned: readonly { name: string; block: number; weights: number; reason: string }[]
}

/** Facts that a plan states about a base model that is at hand. */
export interface BaseFacts extends BlockMatrices {
  /**
   * Inputs of the first block that an operator keeps from following from the token alone, with the first layer that
   * reads each.
   */
  mixed: readonly { layer: string; operator: string }[]
}

/** Exceptions from the rule that the first block's input is measured on the vocabulary, one sentence each. */
export function mixedInWords({ mixed }: Pick<BaseFacts, 'mixed'>): string[] {
  return mixed.map(
    ({ layer, operator }) =>
      `An exception is the input of ${layer}: ${operator} stands before it, so it is measured on your text too.`,
  )
}

/**
 * Lines about the matrices that are not layers; none if every matrix is a layer. @param done - the work that skips them
 */
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

/** A sentence if the base, or a layer of it, has more zeros than the target asks for; otherwise none. */
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

/** A share as a percentage: 0.7 becomes 70 %. */
function percent(share: number): string {
  return `${Number((share * 100).toPrecision(4))} %`
}
