import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planInWords } from '../../../protocols/plan/words.ts'
import { anOffer } from '../../support/people.ts'

const target = { kind: 'unstructured', ppm: 600_000 } as const

const words = (changes: Parameters<typeof anOffer>[0] = {}, capacity?: number) => {
  const { what, leaves } = planInWords(anOffer(changes).offer, capacity)
  return { what: what.join('\n'), leaves: leaves.join('\n') }
}

test('the plan says in words what will be done', () => {
  assert.deepEqual(planInWords(anOffer().offer).what, [
    '4 sites prune a model together: 1.0 million parameters, 6 blocks, hash 03030303.',
    'Method: SparseGPT. In every layer of the blocks 60 % of the weights become zero; embeddings, output head and biases stay as they are.',
    'This site prunes 3 of the 6 blocks a round on 4 windows of 128 tokens of its own text, in 2 rounds.',
    'All results are merged alike at every site (rule l0): each site has one vote on each weight, and a weight that is kept becomes the average over the sites that kept it.',
    'A round ends when 3 of the 4 sites have signed the same result.',
    'This site votes against a result with which the perplexity on its own text is more than 1.5 times that of its own contributions alone.',
  ])
})

test('with fewer than four members it says that all must stay', () => {
  assert.match(words({ members: 3 }).what, /all 3 sites have signed the same result: all must stay/)
})

test('where every site prunes everything it says that a further round only waits for stragglers', () => {
  assert.match(words({ sample: 1_000_000 }).what, /only waits for stragglers/)
  assert.doesNotMatch(words({ sample: 1_000_000, rounds: 1 }).what, /stragglers/)
})

test('it names the capacity of this site, a pattern, and when to stop', () => {
  assert.match(words({}, 1_000_000).what, /prunes all 6 blocks a round/)
  assert.match(
    words({ method: { pruner: 'wanda', target: { kind: 'pattern', n: 2, m: 4 } } }).what,
    /2 of every 4 consecutive weights of a row/,
  )
  assert.match(
    words({ rounds: 20, untilChange: 12_500 }).what,
    /at most 20 rounds.\n.*less than 1.25 % of the mask bits/,
  )
})

test('the data that leaves the site depends on the payload, and the text never leaves', () => {
  assert.match(words().leaves, /their values after they were adjusted/)
  assert.doesNotMatch(words({ method: { pruner: 'wanda', target } }).leaves, /adjusted/)
  assert.match(
    words({ method: { pruner: 'wanda', target } }).leaves,
    /everybody can work out which weights this site keeps/,
  )
  assert.match(words({ method: { pruner: 'magnitude', target } }).leaves, /only break ties/)
  for (const pruner of ['sparsegpt', 'wanda', 'magnitude'] as const) {
    assert.match(words({ method: { pruner, target } }).leaves, /enters the first block are those of the tokenizer's/)
    assert.match(words({ method: { pruner, target } }).leaves, /Your text, its tokens and its activations never leave/)
  }
})
