import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import type { MergeRule, Merging } from '../../../../src/form/merging.ts'
import type { Method } from '../../../../src/form/method.ts'
import type { MaskedOpening } from '../../../../src/jobs/federation/masked-opening.ts'
import { trainingOf } from '../../../../src/jobs/federation/training.ts'
import { type JobEngine, openEngine } from '../../../../src/jobs/open-engine.ts'
import { encodeContribution } from '../../../../src/merge/masks/contribution.ts'
import { encodeProducts, pairsOf, productsOf, unitOf } from '../../../../src/merge/pooled/products.ts'
import { totalsOf } from '../../../../src/merge/pooled/totals.ts'
import { scaledImportances } from '../../../../src/merge/structures/scaled-importances.ts'
import { encodeStructured, packed } from '../../../../src/merge/structures/structured-contribution.ts'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { StructuredModel } from '../../../../src/structure/federated/structured-model.ts'
import { scaled } from '../../../support/liars.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { Random } from '../../../support/random.ts'
import { fixturePath } from '../../../support/shared.ts'
import { prunedLike } from '../../../support/toy-blocks.ts'
import { leftStreams, maskingStreams } from '../../merge/masked/opening.ts'

const DIR = fixturePath('stories260k')
const BLOCK = 3
const MEMBERS = 4
const ROUNDS = 2
/** One member is not in the list. */
const LIST = [0, 2, 3]
const SHARE = { kind: 'unstructured', ppm: 500_000 } as const
const REMOVAL = { kind: 'structured', ppm: 250_000, from: 1, to: 4, steps: 20 } as const
const STRUCTURED: Method = { pruner: 'llm-pruner', target: REMOVAL }

let engine: JobEngine
before(() => {
  engine = openEngine()
})
after(() => engine.close())

/** The contributions of the list to one slot: encoded, one entry a member of the list. */
interface Offer {
  slot: number
  contributions: Uint8Array[]
}

/** Merges one block of a plan, plainly and under masks. */
class Scene {
  readonly directory: string
  readonly method: Method
  readonly merging: Omit<Merging, 'masked'>

  constructor(directory: string, method: Method, rule: MergeRule) {
    this.directory = directory
    this.method = method
    this.merging = { rule, members: MEMBERS, faults: 0 }
  }

  path(...names: (string | number)[]): string {
    return join(this.directory, names.join('-'))
  }

  /** The files of an offer: plain ones, and masked ones, which are valid. */
  async write({ slot, contributions }: Offer): Promise<{ paths: string[]; masked: string[] }> {
    const { method } = this
    const merging = { ...this.merging, masked: true }
    const files = { paths: [] as string[], masked: [] as string[] }
    for (const [i, member] of LIST.entries()) {
      const [path, out] = [this.path('plain', slot, member), this.path('masked', slot, member)]
      writeFileSync(path, contributions[i])
      const streams = maskingStreams(MEMBERS, member)
      const bytes = await engine.run('mask', { dir: DIR, method, merging, slot, path, streams, out })
      assert.equal(statSync(out).size, bytes)
      const check = { dir: DIR, method, merging, rounds: ROUNDS, slot }
      assert.equal(await engine.run('validate', { ...check, path: out }), null)
      assert.match((await engine.run('validate', { ...check, path })) ?? '', /^MAGIC: /)
      files.paths.push(path)
      files.masked.push(out)
    }
    return files
  }

  plain(paths: string[], own: string | null = null) {
    const [merging, out] = [{ ...this.merging, masked: false }, this.path('merged')]
    const job = { dir: DIR, method: this.method, merging, block: BLOCK, out, previous: null }
    return engine.run('merge', { ...job, paths, own })
  }

  masked(first: string[], second: string[] | null, changed: Partial<MaskedOpening> = {}) {
    const [merging, out] = [{ ...this.merging, masked: true }, this.path('opened')]
    const streams = leftStreams(MEMBERS, LIST)
    const openingOf = (slot: number, paths: string[]): MaskedOpening => ({ slot, paths, streams, own: null })
    const [one, other] = [BLOCK, decoder.blocks + BLOCK]
    const masked = { first: { ...openingOf(one, first), ...changed }, second: second && openingOf(other, second) }
    const job = { dir: DIR, method: this.method, merging, block: BLOCK, out, previous: null, rounds: ROUNDS }
    return engine.run('merge', { ...job, masked })
  }

  /** Both merges give the same report, and the same file. */
  async assertSame(first: Offer, second: Offer | null): Promise<{ masked: string[]; paths: string[] }> {
    const one = await this.write(first)
    const other = second && (await this.write(second))
    const plain = await this.plain([...one.paths, ...(other?.paths ?? [])])
    assert.ok('root' in plain)
    assert.deepEqual(await this.masked(one.masked, other?.masked ?? null, { own: one.paths[0] }), plain)
    assert.deepEqual(readFileSync(this.path('opened')), readFileSync(this.path('merged')))
    return one
  }
}

const decoder = Decoder.open(DIR)
const form = decoder.forms[BLOCK]
const random = new Random(11)
/** The second moments of three texts. */
const grams = LIST.map(() => form.inputs.map((cols) => random.gram(cols, 40)))
const statistics = grams.map((own) => ({
  inputs: own.map((gram, input) => gram.filter((_, at) => at % (form.inputs[input] + 1) === 0)),
}))
const meanSquares: Offer = { slot: BLOCK, contributions: statistics.map((own) => encodeContribution(form, own)) }

function weights(): Offer {
  const base = decoder.baseWeights(BLOCK)
  const contributions = LIST.map(() => encodeContribution(form, prunedLike({ form, target: SHARE, base }, random)))
  return { slot: BLOCK, contributions }
}

function productsOffer(): Offer {
  const totals = totalsOf(form, statistics)
  const contributions = grams.map((own, i) => {
    const products = form.inputs.map((cols, input) => {
      const above = own[input].filter((_, at) => at % cols > Math.floor(at / cols))
      assert.equal(above.length, pairsOf(cols))
      return productsOf(above, statistics[i].inputs[input], totals[input], unitOf(cols, MEMBERS))
    })
    return encodeProducts(form, products, MEMBERS)
  })
  return { slot: decoder.blocks + BLOCK, contributions }
}

const ruleOf = ({ pruner }: Method): MergeRule => (pruner === 'llm-pruner' ? 'l0' : 'pooled')
const sceneOf = async (context: TestContext, method: Method, rule = ruleOf(method)) =>
  new Scene(await temporaryDirectory(context), method, rule)

describe('a merge of masked vectors', () => {
  for (const pruner of ['wanda', 'magnitude', 'sparsegpt'] as const) {
    it(`is that of the plain contributions: ${pruner}`, async (context) => {
      const scene = await sceneOf(context, { pruner, target: SHARE })
      await scene.assertSame(meanSquares, null)
      if (pruner === 'sparsegpt') await scene.assertSame(meanSquares, productsOffer())
    })
  }

  for (const pruner of ['wanda', 'magnitude', 'sparsegpt'] as const) {
    it(`is that of the plain contributions where each site has a vote: ${pruner}`, async (context) => {
      const scene = await sceneOf(context, { pruner, target: SHARE }, 'l0')
      await scene.assertSame(pruner === 'sparsegpt' ? weights() : meanSquares, null)
    })
  }

  it('is that of the plain contributions: llm-pruner', async (context) => {
    const { forms } = await StructuredModel.of(decoder)
    const units = forms[BLOCK].structures
    const importances = LIST.map(() => ({
      importances: units.map((each) => scaledImportances(random.normals(each.units).map(Math.abs))),
    }))
    const training = trainingOf(decoder, BLOCK, REMOVAL, ROUNDS)
    const adapters = LIST.map(() => ({
      adapters: training.starts.map(({ a, b }) => packed({ a, b: b.map(() => 1e-3 * random.normal()) })),
    }))
    const encode = (slot: number, offered: typeof importances | typeof adapters): Offer => {
      return { slot, contributions: offered.map((each) => encodeStructured(forms[BLOCK], each)) }
    }
    const scene = await sceneOf(context, STRUCTURED)
    await scene.assertSame(encode(BLOCK, importances), null)
    const first = await scene.assertSame(encode(BLOCK, importances), encode(decoder.blocks + BLOCK, adapters))
    const wild = adapters.map((own) => ({ adapters: own.adapters.map(({ a, b }) => ({ a, b: b.map(() => 0x3c00) })) }))
    const far = await scene.write(encode(decoder.blocks + BLOCK, wild))
    const found = await scene.masked(first.masked, far.masked)
    assert.match(
      'impossible' in found ? found.impossible : '',
      /^block 3, mean of the adapters, layer 0: B of the adapter/,
    )
  })

  it('is none where a stream is missing: the total is impossible, which is no crash', async (context) => {
    const scene = await sceneOf(context, { pruner: 'wanda', target: SHARE })
    const { masked } = await scene.write(meanSquares)
    const found = await scene.masked(masked, null, { streams: leftStreams(MEMBERS, LIST).slice(1) })
    assert.match('impossible' in found ? found.impossible : '', /^block 3, input 0, column 0: /)
  })

  it('is none where a site has turned its values round', async (context) => {
    const scene = await sceneOf(context, { pruner: 'sparsegpt', target: SHARE }, 'l0')
    const base = decoder.baseWeights(BLOCK)
    const own = LIST.map(() => prunedLike({ form, target: SHARE, base }, random))
    const contributions = [scaled(own[0], -1), ...own.slice(1)].map((each) => encodeContribution(form, each))
    const { masked } = await scene.write({ slot: BLOCK, contributions })
    const found = await scene.masked(masked, null)
    assert.match('impossible' in found ? found.impossible : '', /^block 3, layer 0, the product with the base is /)
  })

  it('is made and doubted where a vote of this site is not in it', async (context) => {
    const scene = await sceneOf(context, { pruner: 'sparsegpt', target: SHARE }, 'l0')
    const { masked } = await scene.write(weights())
    const own = scene.path('own')
    writeFileSync(own, weights().contributions[0])
    const found = await scene.masked(masked, null, { own })
    assert.ok('root' in found)
    assert.match(found.doubt ?? '', /^(input|layer) \d+, (column|weight) \d+: /)
  })

  it('is made and doubted where a total is below what this site has offered', async (context) => {
    const scene = await sceneOf(context, { pruner: 'wanda', target: SHARE })
    const { masked } = await scene.write(meanSquares)
    const own = scene.path('own')
    const [{ inputs }] = statistics
    const more = {
      inputs: inputs.map((values, input) => (input === 1 ? values.map((x) => 2 ** 20 * (x + 1)) : values)),
    }
    writeFileSync(own, encodeContribution(form, more))
    const found = await scene.masked(masked, null, { own })
    assert.ok('root' in found)
    assert.match(found.doubt ?? '', /^input 1, column 0: /)
  })

  it('is made and doubted where mean squares drown what this site has offered, in an open plan as well', async (context) => {
    const scene = await sceneOf(context, { pruner: 'wanda', target: SHARE })
    const [liar, ...others] = statistics
    const drowning = { inputs: liar.inputs.map((values, input) => values.map((x) => (input === 1 ? 2 ** 15 : 1) * x)) }
    const contributions = [drowning, ...others].map((own) => encodeContribution(form, own))
    const { masked, paths } = await scene.write({ slot: BLOCK, contributions })
    const found = await scene.masked(masked, null, { own: paths[1] })
    assert.ok('root' in found)
    assert.match(found.doubt ?? '', /^input 1: the mean squares of all columns sum to more than 48 times/)
    assert.deepEqual(await scene.plain(paths, paths[1]), found)
    assert.deepEqual(await scene.plain(paths.slice(1), paths[1]), {
      ...(await scene.plain(paths.slice(1))),
      doubt: null,
    })
    const apart = scene.path('apart')
    writeFileSync(apart, encodeContribution(form, liar))
    const notIn = await scene.plain(paths, apart)
    assert.equal('root' in notIn ? notIn.doubt : '', null)
  })
})
