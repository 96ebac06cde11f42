import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PrunerName, SparsityTarget } from '../../../../src/form/method.ts'
import { ImpossibleTotalError } from '../../../../src/merge/errors.ts'
import { sumOf, votesForm } from '../../../../src/merge/masked/vector.ts'
import { MOST_VALUE, ofVotes, votesTally } from '../../../../src/merge/masked/votes.ts'
import { Wholes } from '../../../../src/merge/masked/wholes.ts'
import type { BlockCase } from '../../../../src/merge/masks/block-case.ts'
import type { BlockContribution } from '../../../../src/merge/masks/contribution.ts'
import { tallyBlock } from '../../../../src/merge/masks/tally.ts'
import { scaled } from '../../../support/liars.ts'
import { Random } from '../../../support/random.ts'
import { prunedLike, rowForm, share, sparse } from '../../../support/toy-blocks.ts'
import { openedSum } from './opening.ts'

const SITES = 3
/** Column blocks of 128 and 12; 8 rows. */
const FORM = { inputs: [140], layers: [{ rows: 8, cols: 140, input: 0 }] }
const BASE = [new Random(7).normals(8 * 140)]
const HALF = share(500_000)
const PAIRS: SparsityTarget = { kind: 'pattern', n: 2, m: 4 }
const NAMES = ['a layer']

const blockOf = (pruner: PrunerName, target: SparsityTarget): BlockCase => {
  return { form: FORM, method: { pruner, target }, base: BASE }
}
/** Three sites' contributions. */
const offersOf = (pruner: PrunerName, target: SparsityTarget): BlockContribution[] => {
  const random = new Random(3)
  return Array.from({ length: SITES }, () => {
    const { inputs, layers } = prunedLike({ form: FORM, target, base: BASE }, random)
    return pruner === 'sparsegpt' ? { inputs, layers } : { inputs }
  })
}
const sumsOf = (block: BlockCase, offers: readonly BlockContribution[]) =>
  openedSum(
    votesForm(block.form, block.method.pruner),
    offers.map((offer) => ofVotes(block, offer, NAMES)),
  )

const refused = (block: BlockCase, sums: readonly Wholes[], reason: RegExp) =>
  assert.throws(
    () => votesTally(block, sums, SITES).layerOf(0),
    (error) => error instanceof ImpossibleTotalError && reason.test(error.reason),
  )

describe('votes under masks', () => {
  it('sum to the tally of the plain contributions', () => {
    for (const pruner of ['sparsegpt', 'wanda', 'magnitude'] as const) {
      for (const target of [HALF, PAIRS]) {
        const own = blockOf(pruner, target)
        const offers = offersOf(pruner, target)
        const plain = tallyBlock(own, offers, 0)
        const masked = votesTally(own, sumsOf(own, offers), SITES)
        assert.deepEqual(masked.columns, plain.columns)
        assert.deepEqual(masked.layerOf(0), plain.layerOf(0), pruner)
      }
    }
  })

  it('hold the values of 64 members, the largest there are', () => {
    const form = rowForm(2)
    const block: BlockCase = {
      form,
      method: { pruner: 'sparsegpt', target: share(0) },
      base: [Float32Array.of(MOST_VALUE, MOST_VALUE)],
    }
    const vectors = Array.from({ length: 64 }, () => ofVotes(block, sparse([MOST_VALUE, MOST_VALUE]), NAMES))
    const sums = openedSum(votesForm(form, 'sparsegpt'), vectors)
    assert.deepEqual(votesTally(block, sums, 64).layerOf(0).sums, Float64Array.of(64 * MOST_VALUE, 64 * MOST_VALUE))
  })

  it('are refused at their author beyond that, by the name of the layer', () => {
    const block: BlockCase = { form: rowForm(2), method: { pruner: 'sparsegpt', target: share(0) }, base: [] }
    const beyond = MOST_VALUE + 2 ** -2
    for (const value of [beyond, -beyond]) {
      assert.throws(() => ofVotes(block, sparse([1, value]), ['mlp.up']), {
        code: 'WEIGHT_RANGE',
        message: /^layer mlp\.up: the pruned weight 1 is -?256\.25, beyond what a masked plan adds up \(256\)/,
      })
    }
  })
})

describe('opened votes are refused', () => {
  /** The opened sums with other numbers in a part: 0 mean squares, 1 votes, 2 values. */
  const changed = (
    block: BlockCase,
    offers: BlockContribution[],
    part: number,
    change: (numbers: Float64Array) => void,
  ) => {
    const sums = sumsOf(block, offers)
    const numbers = part === 1 ? Float64Array.from(sums[1].bytes()) : sums[2].float64s()
    change(numbers)
    return sums.with(part, part === 1 ? Wholes.ofBytes(Uint8Array.from(numbers)) : Wholes.ofFloat64s(numbers))
  }
  const weights = offersOf('sparsegpt', HALF)
  const block = blockOf('sparsegpt', HALF)
  const { votes } = tallyBlock(block, weights, 0).layerOf(0)
  const pruned = votes.indexOf(SITES)
  const once = votes.indexOf(SITES - 1)

  it('beyond the number of sites', () => {
    const sums = changed(block, weights, 1, (numbers) => {
      numbers[5] = SITES + 1
    })
    refused(block, sums, /^layer 0, weight 5: 4 votes of 3 sites values that sum to /)
  })

  it('with a value that nobody keeps, or one beyond what those who keep it can have', () => {
    const most = MOST_VALUE * 2 ** 24
    for (const [weight, value] of [
      [pruned, 1],
      [once, most + 1],
      [once, -most - 1],
    ]) {
      const sums = changed(block, weights, 2, (numbers) => {
        numbers[weight] = value
      })
      refused(block, sums, new RegExp(`^layer 0, weight ${weight}: [01] votes of 3 sites values`))
    }
  })

  it('with other zeros than the pruner leaves, at their place', () => {
    for (const [pruner, target, place] of [
      ['sparsegpt', HALF, 'columns 128 to 139: 145 zeros, the plan asks 144'],
      ['wanda', HALF, 'row 7, columns 0 to 139: 211 zeros, the plan asks 210'],
      ['sparsegpt', PAIRS, 'row 7, columns 136 to 139: 7 zeros of 12, the plan asks 6'],
      ['wanda', PAIRS, 'row 7, columns 136 to 139: 7 zeros of 12, the plan asks 6'],
    ] as const) {
      const [own, offers] = [blockOf(pruner, target), offersOf(pruner, target)]
      const last = tallyBlock(own, offers, 0)
        .layerOf(0)
        .votes.findLastIndex((count) => count < SITES - 1)
      const sums = changed(own, offers, 1, (numbers) => {
        numbers[last]--
      })
      refused(own, sums, new RegExp(`^layer 0, ${place}$`))
    }
  })

  it('with other masks than that of the base, by magnitude', () => {
    const [own, offers] = [blockOf('magnitude', HALF), offersOf('magnitude', HALF)]
    const sums = changed(own, offers, 1, (numbers) => {
      // As many zeros, at other places.
      const [zero, kept] = [numbers.indexOf(0), numbers.indexOf(SITES)]
      ;[numbers[zero], numbers[kept]] = [1, SITES - 1]
    })
    refused(own, sums, /^layer 0, weight \d+: \d votes of 3 sites, whose masks are all the same$/)
  })

  it('with values that no layers within the bounds of a single contribution have', () => {
    const liar = (factor: number) => sumsOf(block, [...weights.slice(1), scaled(weights[0], factor)])
    assert.ok(votesTally(block, liar(1), SITES).layerOf(0).sums)
    refused(block, liar(-1), /^layer 0, the product with the base is /)
    refused(block, liar(0), /^layer 0, the product with the base is /)
    const loud = weights.map((own) => scaled(own, 2.5))
    refused(block, sumsOf(block, loud), /^layer 0, the norm of the sum is /)
    const peak = changed(block, weights, 2, (numbers) => {
      numbers[once] = 10 * 2 ** 24
    })
    refused(block, peak, /^layer 0, the largest mean is 10, more than 4 times/)
  })

  it('in their mean squares as well', () => {
    const sums = sumsOf(block, weights).with(0, Wholes.ofBigInts(16, Array<bigint>(140).fill(-1n)))
    assert.throws(() => votesTally(block, sums, SITES), ImpossibleTotalError)
  })

  it('or read, whatever a sum holds', () => {
    const random = new Random(9)
    const form = votesForm(FORM, 'sparsegpt')
    const noise = Uint8Array.from({ length: 8 + 140 * 16 + 6 * 8 * 140 }, () => 256 * random.next())
    noise.set([...Buffer.from('COPV'), 1, 5, 0, 0])
    assert.throws(() => votesTally(block, sumOf(form, [noise]), SITES), ImpossibleTotalError)
    noise.fill(0, 8, 8 + 140 * 16)
    refused(block, sumOf(form, [noise]), /^layer 0, weight 0: \d+ votes of 3 sites/)
  })
})
