import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { BlockForm } from '../../../../src/form/block-form.ts'
import { float16Of } from '../../../../src/form/fp16.ts'
import { countZeros, isKept } from '../../../../src/form/mask.ts'
import type { PrunerName, SparsityTarget } from '../../../../src/form/method.ts'
import type { BlockContribution } from '../../../../src/merge/masks/contribution.ts'
import { mergeBlock } from '../../../../src/merge/masks/l0.ts'
import { applyMerged, encodeMergedBlock, type MergedBlock } from '../../../../src/merge/masks/merged-block.ts'
import { MAX_CONTRIBUTIONS } from '../../../../src/merge/masks/tally.ts'
import { wandaMask } from '../../../../src/prune/masks/wanda.ts'
import { Random } from '../../../support/random.ts'
import { bitsOf, rowForm, share, sparse, type Toy, toyArbitrary, valuesOf } from '../../../support/toy-blocks.ts'
import { twinMerge } from './l0-twin.ts'

/** Merges contributions of a block of one row; the base plays no part. */
function mergeRow(ppm: number, contributions: BlockContribution[]): MergedBlock {
  const cols = contributions[0].inputs[0].length
  return mergeBlock(
    { form: rowForm(cols), method: { pruner: 'sparsegpt', target: share(ppm) }, base: [new Float32Array(cols)] },
    contributions,
  )
}

const PRUNERS: PrunerName[] = ['sparsegpt', 'wanda', 'magnitude']
const payload = (toy: Toy, pruner: PrunerName) => (pruner === 'sparsegpt' ? toy.weights : toy.statistics)
const merge = (toy: Toy, pruner: PrunerName, contributions = payload(toy, pruner)) =>
  mergeBlock({ form: toy.form, method: { pruner, target: toy.target }, base: toy.base }, contributions)
const sizeOf = ({ form }: Toy, role: number) => form.layers[role].rows * form.layers[role].cols

/** Checks a property of the merge for blocks, pruners, unstructured sparsity and patterns. */
function everywhere(check: (toy: Toy, pruner: PrunerName) => void, numRuns = 200): void {
  fc.assert(
    fc.property(toyArbitrary, fc.constantFrom(...PRUNERS), (toy, pruner) => {
      check(toy, pruner)
    }),
    { numRuns },
  )
}

describe('worked examples of the merge', () => {
  const w1 = [1, 0, 3, 0, 5, 0, 7, 0]
  const w2 = [2, 4, 0, 0, 7, 0, 0, 1]
  const w3 = [0, 6, 5, 0, 6, 0, 0, 0]

  it('E1: averages over those who keep a weight, then drops what most prune', () => {
    assert.deepEqual(valuesOf(mergeRow(0, [sparse(w1), sparse(w2), sparse(w3)]), 8), [1.5, 5, 4, 0, 6, 0, 7, 1])
    assert.deepEqual(valuesOf(mergeRow(500_000, [sparse(w1), sparse(w2), sparse(w3)]), 8), [1.5, 5, 4, 0, 6, 0, 0, 0])
  })

  it('E2: breaks ties by saliency, and keeps a weight that cancels to 0', () => {
    const both = [sparse([0, 2, -1, 4, 0, 3]), sparse([1, 0, -3, 0, 0, -3])]
    const half = mergeRow(500_000, both)
    assert.deepEqual(valuesOf(half, 6), [0, 0, -2, 4, 0, 0])
    assert.equal(bitsOf(half.layers[0].mask, 6), '001101')
    assert.deepEqual(valuesOf(mergeRow(666_666, both), 6), [0, 0, -2, 0, 0, 0])
    assert.equal(bitsOf(mergeRow(666_666, both).layers[0].mask, 6), '001001')
  })

  it('E2: of equal saliencies the lower index goes first', () => {
    const equal = [sparse([0, 2, 2, 2, 0, 3]), sparse([2, 0, 0, 0, 0, 3])]
    assert.equal(bitsOf(mergeRow(500_000, equal).layers[0].mask, 6), '001101')
  })

  it('E3: what all prune is 0, no NaN, and counts once', () => {
    const merged = mergeRow(250_000, [sparse(w1), sparse(w2), sparse(w3)])
    assert.equal(bitsOf(merged.layers[0].mask, 8), '11101011')
  })

  it('E4: with more unanimous zeros than asked nothing comes back', () => {
    const merged = mergeRow(500_000, [sparse([0, 0, 0, 1]), sparse([0, 0, 0, 3])])
    assert.deepEqual(valuesOf(merged, 4), [0, 0, 0, 2])
    assert.equal(bitsOf(merged.layers[0].mask, 4), '0001')
  })

  it('E5: a member that did not prune the block has no vote in it', () => {
    const saliency = mergeRow(500_000, [sparse(w1), sparse(w2)])
    assert.deepEqual(valuesOf(saliency, 8), [1.5, 4, 0, 0, 6, 0, 7, 0])
    const unobserved = Array<number>(8).fill(0) // all saliencies are 0: the index decides
    const index = mergeRow(500_000, [sparse(w1, undefined, unobserved), sparse(w2, undefined, unobserved)])
    assert.deepEqual(valuesOf(index, 8), [1.5, 0, 0, 0, 6, 0, 7, 1])
  })

  it('E6: is unbiased given a survivor where all take part alike, and not otherwise', () => {
    const dense = 1.2
    const clients = [sparse([1]), sparse([2]), sparse([0])]
    const value = (subset: BlockContribution[]) => (subset.length === 0 ? dense : valuesOf(mergeRow(0, subset), 1)[0])
    const expectation = (inclusion: number[]) => {
      let [all, given, survivor] = [0, 0, 0]
      for (let set = 0; set < 8; set++) {
        const takes = inclusion.map((_, i) => ((set >> i) & 1) === 1)
        const chance = inclusion.reduce((product, p, i) => product * (takes[i] ? p : 1 - p), 1)
        const merged = value(clients.filter((_, i) => takes[i]))
        all += chance * merged
        if (takes[0] || takes[1]) {
          given += chance * merged
          survivor += chance
        }
      }
      return { all, given: given / survivor, survivor }
    }
    const alike = expectation([0.5, 0.5, 0.5])
    assert.equal(alike.survivor, 0.75)
    assert.ok(Math.abs(alike.given - 1.5) < 1e-12 && Math.abs(alike.all - 1.275) < 1e-12)
    assert.ok(Math.abs(expectation([1, 0.5, 0.5]).given - 1.25) < 1e-12)
  })

  it('E10: where survivors are the base values, the merge is the base under the votes', () => {
    const random = new Random(10)
    const base = [Float32Array.from({ length: 40 }, () => float16Of(Uint16Array.of(0x3800 + 400 * random.next()))[0])]
    const contributions = Array.from({ length: 5 }, () => {
      const keys = Array.from({ length: 40 }, () => random.next())
      const cut = keys.toSorted((a, b) => a - b)[20]
      return sparse([...base[0]], keys.map((key) => (key < cut ? '0' : '1')).join(''))
    })
    const merged = mergeBlock(
      { form: rowForm(40), method: { pruner: 'sparsegpt', target: share(500_000) }, base },
      contributions,
    )
    assert.equal(countZeros(merged.layers[0].mask, 40), 20)
    for (const [i, value] of valuesOf(merged, 40).entries()) {
      if (isKept(merged.layers[0].mask, i)) assert.equal(value, base[0][i], `weight ${i}`)
    }
  })
})

describe('invariants of the merge', () => {
  it('gives the same bits as its slow twin', () => {
    everywhere((toy, pruner) => {
      const merged = merge(toy, pruner)
      const twin = twinMerge(toy.form, pruner, toy.target, toy.base, payload(toy, pruner))
      for (const [role, { mask, survivors }] of merged.layers.entries()) {
        assert.equal(bitsOf(mask, sizeOf(toy, role)), twin[role].kept.map(Number).join(''), `mask of layer ${role}`)
        assert.deepEqual(survivors && [...survivors], twin[role].survivors, `layer ${role}`)
      }
    }, 400)
  })

  it('gives the same bits as its slow twin on a layer large enough for selection by sample, with ties throughout', () => {
    const random = new Random(77)
    const form: BlockForm = { inputs: [64], layers: [{ rows: 30, cols: 64, input: 0 }] }
    const few = () => Math.floor(random.next() * 5) - 2
    const contributions = Array.from({ length: 3 }, () =>
      sparse(
        Array.from({ length: 1920 }, few),
        Array.from({ length: 1920 }, () => Number(random.next() < 0.5)).join(''),
        Array.from({ length: 64 }, () => few() ** 2),
      ),
    )
    const base = [Float32Array.from({ length: 1920 }, few)]
    for (const ppm of [1, 300_000, 500_000, 777_777, 999_999]) {
      const statistics = contributions.map(({ inputs }) => ({ inputs: [inputs[0].subarray(0, 64)] }))
      for (const pruner of PRUNERS) {
        const given = pruner === 'sparsegpt' ? contributions : statistics
        const merged = mergeBlock({ form, method: { pruner, target: share(ppm) }, base }, given)
        const [{ kept }] = twinMerge(form, pruner, share(ppm), base, given)
        assert.equal(bitsOf(merged.layers[0].mask, 1920), kept.map(Number).join(''), `${pruner} at ${ppm}`)
      }
    }
  })

  it('(1, 14) does not depend on the order of contributions', () => {
    everywhere((toy, pruner) => {
      const contributions = payload(toy, pruner)
      const expected = encodeMergedBlock(toy.form, merge(toy, pruner))
      for (const shuffled of [contributions.toReversed(), [...contributions.slice(1), contributions[0]]]) {
        assert.deepEqual(encodeMergedBlock(toy.form, merge(toy, pruner, shuffled)), expected)
      }
    })
  })

  it('(2) of one contribution is that contribution, plus the zeros that are missing', () => {
    everywhere((toy) => {
      const [only] = toy.weights
      const merged = mergeBlock({ form: toy.form, method: { pruner: 'sparsegpt', target: share(0) }, base: toy.base }, [
        only,
      ])
      assert.deepEqual(merged.layers, only.layers)
      const asked = mergeBlock(
        { form: toy.form, method: { pruner: 'sparsegpt', target: toy.target }, base: toy.base },
        [only],
      )
      for (const [role, { mask }] of asked.layers.entries()) {
        for (let i = 0; i < sizeOf(toy, role); i++) {
          assert.ok(!isKept(mask, i) || isKept((only.layers ?? [])[role].mask, i), `layer ${role}, weight ${i}`)
        }
      }
    })
  })

  it('(2) of a contribution repeated is that of one', () => {
    everywhere((toy, pruner) => {
      // Powers of two, so that sums of statistics scale without rounding and ties stay ties.
      const [only] = payload(toy, pruner)
      const one = encodeMergedBlock(toy.form, merge(toy, pruner, [only]))
      assert.deepEqual(encodeMergedBlock(toy.form, merge(toy, pruner, [only, only, only, only])), one)
    })
  })

  it('(2) at 60 % wants 22,119 zeros of a 192 x 192 layer that has 22,080 by Wanda', () => {
    const random = new Random(2)
    const form: BlockForm = { inputs: [192], layers: [{ rows: 192, cols: 192, input: 0 }] }
    const base = [random.normals(192 * 192)]
    const contribution = { inputs: [random.normals(192).map((x) => x * x)] }
    const own = wandaMask(base[0], 192, 192, contribution.inputs[0], share(600_000))
    const merged = mergeBlock({ form, method: { pruner: 'wanda', target: share(600_000) }, base }, [contribution])
    assert.equal(countZeros(own, 192 * 192), 22_080)
    assert.equal(countZeros(merged.layers[0].mask, 192 * 192), 22_119)
  })

  it('(3) zeroes without expansion exactly what all prune', () => {
    everywhere((toy) => {
      const merged = mergeBlock(
        { form: toy.form, method: { pruner: 'sparsegpt', target: share(0) }, base: toy.base },
        toy.weights,
      )
      for (const [role, { mask }] of merged.layers.entries()) {
        for (let i = 0; i < sizeOf(toy, role); i++) {
          assert.equal(
            isKept(mask, i),
            toy.weights.some(({ layers }) => isKept((layers ?? [])[role].mask, i)),
          )
        }
      }
    })
  })

  it('(4, 6) keeps means within what was contributed, and expansion changes none', () => {
    everywhere((toy) => {
      const averaged = mergeBlock(
        { form: toy.form, method: { pruner: 'sparsegpt', target: share(0) }, base: toy.base },
        toy.weights,
      )
      const merged = merge(toy, 'sparsegpt')
      for (const [role, { mask }] of merged.layers.entries()) {
        const size = sizeOf(toy, role)
        const before = valuesOf(averaged, size, role)
        const contributed = toy.weights.map((contribution) => ({
          mask: (contribution.layers ?? [])[role].mask,
          values: valuesOf({ layers: contribution.layers ?? [] }, size, role),
        }))
        for (const [i, value] of valuesOf(merged, size, role).entries()) {
          if (!isKept(mask, i)) continue
          const values = contributed.filter((one) => isKept(one.mask, i)).map((one) => one.values[i])
          assert.equal(value, before[i])
          assert.ok(Math.min(...values) <= value && value <= Math.max(...values))
        }
      }
    })
  })

  it('(5, 11, 12, 20) has max(ceil(s d), unanimous) zeros in every layer, n of every m under a pattern', () => {
    everywhere((toy, pruner) => {
      const merged = merge(toy, pruner)
      for (const [role, { mask }] of merged.layers.entries()) {
        const size = sizeOf(toy, role)
        const unanimous = mergeBlock(
          { form: toy.form, method: { pruner, target: share(0) }, base: toy.base },
          payload(toy, pruner),
        )
        const none = pruner === 'sparsegpt' ? countZeros(unanimous.layers[role].mask, size) : 0
        if (toy.target.kind === 'unstructured') {
          const wanted = Math.ceil((size * toy.target.ppm) / 1e6) // exact: below 2^53, and divided once
          assert.equal(countZeros(mask, size), Math.max(wanted, none))
        } else if (pruner !== 'sparsegpt') {
          const { n, m } = toy.target
          for (let at = 0; at < size; at += m) {
            assert.equal(
              bitsOf(mask, size)
                .slice(at, at + m)
                .replaceAll('1', '').length,
              n,
            )
          }
        }
      }
    })
  })

  it('(7) drops nothing that fewer prune than something it keeps', () => {
    everywhere((toy, pruner) => {
      if (toy.target.kind === 'pattern' || pruner !== 'sparsegpt') return
      for (const [role, { mask }] of merge(toy, pruner).layers.entries()) {
        const votes = (i: number) => toy.weights.filter(({ layers }) => !isKept((layers ?? [])[role].mask, i)).length
        const all = Array.from({ length: sizeOf(toy, role) }, (_, i) => i)
        const most = Math.max(-1, ...all.filter((i) => isKept(mask, i)).map(votes))
        const least = Math.min(Infinity, ...all.filter((i) => !isKept(mask, i)).map(votes))
        assert.ok(most <= least)
      }
    })
  })

  it('(8) drops nothing at 0 and everything at 1', () => {
    everywhere((toy) => {
      const kept = mergeBlock(
        { form: toy.form, method: { pruner: 'wanda', target: share(0) }, base: toy.base },
        toy.statistics,
      )
      assert.deepEqual(applyMerged(toy.form, toy.base, kept), toy.base)
      for (const pruner of PRUNERS) {
        const gone = mergeBlock(
          { form: toy.form, method: { pruner, target: share(1_000_000) }, base: toy.base },
          payload(toy, pruner),
        )
        assert.ok(applyMerged(toy.form, toy.base, gone).every((layer) => layer.every((w) => Object.is(w, 0))))
      }
    })
  })

  it('(9) leaves the base values of survivors as they are, bit for bit, where only masks are contributed', () => {
    everywhere((toy) => {
      const merged = merge(toy, 'wanda')
      for (const [role, weight] of applyMerged(toy.form, toy.base, merged).entries()) {
        for (const [i, w] of weight.entries()) {
          assert.ok(Object.is(w, isKept(merged.layers[role].mask, i) ? toy.base[role][i] : 0))
        }
      }
    })
  })

  it('(15) sums exactly, whatever cancels', () => {
    const big = Array.from({ length: 100 }, () => [sparse([65504]), sparse([-65504])]).flat()
    assert.deepEqual(valuesOf(mergeRow(0, [...big, ...Array.from({ length: 200 }, () => sparse([2 ** -23]))]), 1), [
      2 ** -24,
    ])
  })

  it('(17) goes by masks: a kept weight may be 0, a pruned one is +0', () => {
    const merged = mergeRow(0, [sparse([0, -1, 5], '110'), sparse([0, 1, 5], '110')])
    assert.equal(bitsOf(merged.layers[0].mask, 3), '110')
    assert.deepEqual([...(merged.layers[0].survivors ?? [])], [0, 0])
  })

  it('writes +0 where a mean rounds to zero from below', () => {
    const merged = mergeRow(0, [sparse([-(2 ** -24)], '1'), sparse([0], '1'), sparse([0], '1')])
    assert.deepEqual([...(merged.layers[0].survivors ?? [])], [0])
  })

  it('(18) counts 8192 votes, the most, and refuses more or none', () => {
    const one = sparse([1, 1], '01')
    const all = Array.from({ length: MAX_CONTRIBUTIONS }, () => one)
    assert.equal(bitsOf(mergeRow(0, all).layers[0].mask, 2), '01')
    const top = sparse([65504, -65504])
    assert.deepEqual(valuesOf(mergeRow(0, Array(MAX_CONTRIBUTIONS).fill(top)), 2), [65504, -65504])
    assert.throws(() => mergeRow(0, [...all, one]), RangeError)
    assert.throws(
      () =>
        mergeBlock(
          { form: rowForm(2), method: { pruner: 'wanda', target: share(0) }, base: [new Float32Array(2)] },
          [],
        ),
      RangeError,
    )
  })

  it('refuses a contribution of the other payload', () => {
    const base = [new Float32Array(1)]
    const statistics = { inputs: [Float32Array.of(1)] }
    assert.throws(
      () => mergeBlock({ form: rowForm(1), method: { pruner: 'sparsegpt', target: share(0) }, base }, [statistics]),
      RangeError,
    )
    assert.throws(
      () => mergeBlock({ form: rowForm(1), method: { pruner: 'wanda', target: share(0) }, base }, [sparse([1])]),
      RangeError,
    )
  })

  it('keeps nothing from one merge to the next: a contribution that was replaced leaves no trace', () => {
    everywhere((toy, pruner) => {
      const [replaced, ...rest] = payload(toy, pruner)
      const newest = [...rest, rest.at(-1) ?? replaced]
      const expected = encodeMergedBlock(toy.form, merge(toy, pruner, newest))
      merge(toy, pruner, [replaced, ...rest])
      assert.deepEqual(encodeMergedBlock(toy.form, merge(toy, pruner, newest)), expected)
    }, 50)
  })

  it('leaves its arguments as they were', () => {
    everywhere((toy, pruner) => {
      const before = structuredClone(toy)
      merge(toy, pruner)
      assert.deepEqual(structuredClone(toy), before)
    }, 50)
  })
})

describe('golden vectors of the merge', () => {
  // Blocks of the size of a small model's, from a generator of whole numbers; what follows is the encoded merge's
  // SHA-256.
  const form: BlockForm = {
    inputs: [48, 96],
    layers: [
      { rows: 48, cols: 48, input: 0 },
      { rows: 95, cols: 48, input: 0 },
      { rows: 48, cols: 96, input: 1 },
    ],
  }
  const random = new Random(1849)
  const base = form.layers.map(({ rows, cols }) => random.normals(rows * cols))
  const statistics = Array.from({ length: 4 }, () => ({
    inputs: form.inputs.map((cols) => random.normals(cols).map((x) => x * x)),
  }))
  const weights = statistics.map(({ inputs }) => ({
    inputs,
    layers: form.layers.map(({ rows, cols, input }, role) => {
      const mask = wandaMask(base[role], rows, cols, inputs[input], share(600_000))
      const moved = [...base[role]].map((w) => w * (0.9 + 0.2 * random.next()))
      return (sparse(moved, bitsOf(mask, rows * cols)).layers ?? [])[0]
    }),
  }))
  const targets: Record<string, SparsityTarget> = { '0.6': share(600_000), '2:4': { kind: 'pattern', n: 2, m: 4 } }
  const golden: Record<string, string> = {
    'sparsegpt 0.6': 'ae5edb13057865de03ba6e348d282145',
    'sparsegpt 2:4': '1471392a780a6e6f05991c1e61d37b40',
    'wanda 0.6': '54891f646da5fed2bc22eb9f9ea47b0e',
    'wanda 2:4': 'b67bb3c9bf6a2d2963b4225ad713abc2',
    'magnitude 0.6': 'f0f62105ce982914ff8ca2f9cfe254e8',
    'magnitude 2:4': 'a5b800050f59f79319a03a2ddb75ad4d',
  }

  for (const pruner of PRUNERS) {
    for (const [name, target] of Object.entries(targets)) {
      it(`${pruner} at ${name}`, () => {
        const contributions = pruner === 'sparsegpt' ? weights : statistics
        const bytes = encodeMergedBlock(form, mergeBlock({ form, method: { pruner, target }, base }, contributions))
        assert.equal(createHash('sha256').update(bytes).digest('hex').slice(0, 32), golden[`${pruner} ${name}`])
      })
    }
  }
})
