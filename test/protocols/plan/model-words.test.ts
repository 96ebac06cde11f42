import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { sparserInWords, unprunedInWords } from '../../../protocols/plan/model-words.ts'
import { planInWords } from '../../../protocols/plan/words.ts'
import { anOffer } from '../../support/people.ts'

const HALF = { kind: 'unstructured', ppm: 500_000 } as const
const layer = (zeros: number) => ({ weights: 1000, zeros })
const EXPERTS = { name: 'experts', block: 1, weights: 6000, reason: 'a factor with 3 dimensions [3, 40, 50]' }

describe('a matrix that a plan does not reach', () => {
  it('is not mentioned if every matrix is a layer', () => {
    assert.deepEqual(unprunedInWords({ layers: [layer(0)], unpruned: [] }, 'pruned'), [])
  })

  it('is named with its block and reason', () => {
    assert.deepEqual(unprunedInWords({ layers: [layer(0), layer(0)], unpruned: [EXPERTS] }, 'trained'), [
      'Not trained: 1 of the 3 weight matrices in the blocks, 6,000 of 8,000 weights. They stay as they are:',
      '  block 1, experts: a factor with 3 dimensions [3, 40, 50]',
    ])
  })
})

describe('a base that is sparser than asked for', () => {
  const said = (zeros: number[], target: Parameters<typeof sparserInWords>[1] = HALF) =>
    sparserInWords({ layers: zeros.map(layer), unpruned: [] }, target)

  it('is said in one sentence', () => {
    assert.deepEqual(said([800, 600]), ['The base has 70 % zeros already, more than the 50 % asked for.'])
    assert.deepEqual(said([800, 600], { kind: 'pattern', n: 2, m: 3 }), [
      'The base has 70 % zeros already, more than the 66.67 % asked for.',
    ])
  })

  it('is said of some layers where the others have fewer zeros', () => {
    assert.deepEqual(said([800, 0, 501]), [
      '2 of the 3 layers of the base have more zeros already than the 50 % asked for.',
    ])
  })

  it('is none that has just as many', () => {
    assert.deepEqual(said([500, 500]), [])
    assert.deepEqual(said([0, 0], { kind: 'unstructured', ppm: 0 }), [])
  })
})

it('a plan says both before anything else is done, and only where there is something to say', () => {
  const { offer } = anOffer({ method: { pruner: 'wanda', target: HALF } })
  const plain = planInWords(offer).what
  const ordinary = planInWords(offer, offer.sample, { layers: [layer(0)], unpruned: [], mixed: [] }).what
  assert.deepEqual(ordinary, plain)
  const { what } = planInWords(offer, offer.sample, { layers: [layer(900)], unpruned: [EXPERTS], mixed: [] })
  assert.deepEqual(
    what.filter((line) => !plain.includes(line)).map((line) => line.slice(0, 20)),
    ['Not pruned: 1 of the', '  block 1, experts: ', 'The base has 90 % ze'],
  )
})

it('a plan says which input is measured on the text although it stands before all attention', () => {
  const { offer } = anOffer({ method: { pruner: 'wanda', target: HALF } })
  const mixed = [{ layer: 'layers.0.q_proj', operator: 'CumSum' }]
  const plain = planInWords(offer).leaves
  const { leaves } = planInWords(offer, offer.sample, { layers: [layer(0)], unpruned: [], mixed })
  assert.deepEqual(
    leaves.filter((line) => !plain.includes(line)),
    ['An exception is the input of layers.0.q_proj: CumSum stands before it, so it is measured on your text too.'],
  )
})
