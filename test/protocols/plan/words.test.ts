import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seenInWords, unopenedInWords } from '../../../protocols/plan/masked-words.ts'
import { planInWords } from '../../../protocols/plan/words.ts'
import type { Method } from '../../../src/form/method.ts'
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
    'Open: every member sees what each site offers, and keeps it for good.',
    'A round ends when 3 of the 4 sites have signed the same result.',
    'This site votes against a result with which the perplexity on its own text is more than 2.5 times that of its own contributions alone.',
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

const pooled = { merge: 'pooled', masked: true } as const
const wanda: Method = { pruner: 'wanda', target }
const structured: Method = {
  pruner: 'llm-pruner',
  target: { kind: 'structured', ppm: 250_000, from: 1, to: 5, steps: 20 },
}

test('a masked plan says who sees what, and what that costs', () => {
  assert.deepEqual(seenInWords(anOffer(pooled).offer), [
    'Masked: nobody sees what a single site offers, only sums over at least 3 sites.',
    'In return a single contribution can be neither checked nor left out, and a liar can stop the federation unseen.',
    '3 sites that work together can see the part of every site. Fewer see the sums less their own parts: a single part only where all others of a sum are theirs.',
    'The plan takes 10 rounds: two for keys, in which all 4 sites are needed, and two for each of the 4 sums that it opens.',
    'If this site takes part again with the same text and other members, whoever has both sums can subtract them. This site keeps a list of the sums that its text was in, and says before it signs whose part that would show.',
  ])
  assert.match(words({ ...pooled, members: 10 }).what, /sums over at least 5 sites\..*\n7 sites that work together/s)
  assert.match(
    words({ ...pooled, rounds: 1, method: wanda }).what,
    /takes 4 rounds: .* two for the one sum that it opens/,
  )
})

test('with three sites it says that none may be lost, and that two see the third', () => {
  const { what } = words({ ...pooled, members: 3, sample: 1_000_000 })
  assert.match(what, /any one that is lost ends the federation, and two that work together see the part of the third/)
  assert.doesNotMatch(what, /sites that work together can see the part of every site/)
})

test('an open plan says that every member sees every contribution, and of two sites why', () => {
  const [reason, open] = [/the total less one part is the other part/, /^Open: every member sees/m]
  for (const changes of [{}, { merge: 'trimmed' }, { merge: 'pooled' }, { method: structured }] as const) {
    assert.match(words(changes).what, open)
    assert.doesNotMatch(words(changes).what, reason)
    assert.match(words({ ...changes, members: 2 }).what, reason)
    assert.match(words(changes).leaves, /All members see and keep them/)
  }
})

test('what leaves a site masked is told as sums, and nothing is said that only open plans show', () => {
  for (const method of [wanda, { pruner: 'sparsegpt', target }, structured] as const) {
    const changes = { masked: true, merge: method === structured ? 'l0' : 'pooled', method } as const
    const { what, leaves } = words(changes)
    assert.match(leaves, /only sums over at least 3 sites can be read/)
    assert.match(leaves, /Your text, its tokens and its activations never leave/)
    assert.match(leaves, /no noise in the sums \(no differential privacy\)/)
    assert.doesNotMatch(leaves, /everybody can work out|All members see and keep them/)
    assert.doesNotMatch(what, /each group takes/, 'its rounds are counted in another way')
    assert.doesNotMatch(what, /^Open/m)
  }
})

test('in a masked plan that removes structures every site offers all blocks, whatever its capacity is', () => {
  const offer = { masked: true, method: structured, rounds: 3 } as const
  const whatever = /Every site offers all blocks, whatever --sample and --capacity say/
  assert.match(words({ ...offer, sample: 1_000_000 }, 500_000).what, whatever)
  assert.match(words({ ...offer, sample: 500_000 }, 1_000_000).what, whatever)
  assert.match(words(offer).what, /After that, 2 times, this site trains .* offers them for all blocks/)
  assert.doesNotMatch(words({ ...offer, sample: 1_000_000 }).what, whatever)
  assert.doesNotMatch(words({ ...offer, masked: false }).what, whatever)
  assert.match(
    words({ ...offer, masked: false }).what,
    /In each of the 2 rounds after .* offers them for 3 of the 6 blocks/,
  )
})

test('a masked plan warns where the absences that it survives leave a group unopened', () => {
  const some = /Some group of blocks has only 3 sites\. Where one of them is missing, fewer than 3 are left/
  assert.match(words({ ...pooled, members: 6, sample: 500_000 }).what, some)
  assert.doesNotMatch(words({ ...pooled, members: 6, sample: 1_000_000 }).what, /Some group/)
  assert.doesNotMatch(words({ ...pooled, masked: false, members: 6, sample: 500_000 }).what, /Some group/)
  const { offer } = anOffer({ ...pooled, members: 7 })
  assert.match(unopenedInWords(offer, 5).join(), /only 5 sites\. Where 2 of them are missing, fewer than 4 are left/)
  assert.deepEqual(unopenedInWords(offer, 6), [])
})

test('a masked plan of votes says what they take, that all blocks are offered once, and what a sum of one shows', () => {
  const offer = { masked: true, rounds: 1 } as const
  const { what, leaves } = words(offer)
  assert.match(what, /^This site prunes all 6 blocks once, on 4 windows of 128 tokens of its own text\.$/m)
  assert.match(what, /dear: 6 bytes a weight\. The rule pooled takes fewer, and gives a better model\.$/m)
  assert.match(what, /Every site prunes all blocks, whatever --sample and --capacity say/)
  assert.match(what, /Where only one site keeps a weight, the sum is the value of that site/)
  assert.match(what, /takes 4 rounds: .* two for the one sum that it opens/)
  assert.match(leaves, /Which weights this site keeps, and their values after they were adjusted/)
  assert.doesNotMatch(words({ ...offer, sample: 1_000_000 }).what, /Every site prunes all blocks/)
  const ofWanda = words({ ...offer, method: wanda })
  assert.match(ofWanda.what, /dear: 1 byte a weight\. The rule pooled takes fewer, and gives a better model\.$/m)
  assert.doesNotMatch(ofWanda.what, /the value of that site/)
  assert.match(ofWanda.leaves, /^Which weights this site keeps\.$/m)
  const magnitude = words({ ...offer, method: { pruner: 'magnitude', target } })
  assert.match(magnitude.what, /dear: 1 byte a weight\. The rule pooled takes fewer\.$/m)
  const base = { layers: [{ weights: 2_400_000, zeros: 0 }], unpruned: [], mixed: [] }
  const all = planInWords(anOffer(offer).offer, undefined, base).what.join('\n')
  assert.match(all, /dear: 6 bytes a weight, 14 MB in all\./)
})
