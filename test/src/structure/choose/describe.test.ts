import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import {
  describeRatio,
  describeStructures,
  type StructureDescription,
} from '../../../../src/structure/choose/describe.ts'
import { fixturePath } from '../../../support/shared.ts'

describe('structures in plain data', () => {
  let decoder: Decoder
  let structures: StructureDescription[]
  before(async () => {
    decoder = Decoder.open(fixturePath('stories260k'), { threads: 1 })
    structures = await describeStructures(decoder)
  })

  it('names the layers of each unit, and their parameters', () => {
    const [heads, channels] = structures
    const { members, ...head } = heads
    assert.deepEqual(head, { block: 0, kind: 'heads', units: 4, groups: 1, places: 8, parameters: 3072, locked: null })
    assert.deepEqual(
      members.map(({ along, places }) => [along, places]),
      [
        ['outputs', 16],
        ['outputs', 8],
        ['outputs', 8],
        ['inputs', 16],
      ],
    )
    const known = new Set(decoder.layers.filter(({ block }) => block === 0).map(({ name }) => name))
    assert.ok([...members, ...channels.members].every(({ name }) => name !== null && known.has(name)))
    assert.deepEqual([channels.kind, channels.units, channels.places, channels.parameters], ['channels', 172, 1, 192])
    assert.equal(structures.length, 2 * decoder.blocks)
  })

  // A quarter of blocks 1 to 3 leaves 226,048 parameters in an independent implementation.
  it('counts the units of a ratio as LLM-Pruner does', () => {
    const middle = structures.filter(({ block }) => block >= 1 && block < 4)
    const { heads, channels, parameters } = describeRatio(middle, 250_000)
    assert.deepEqual([heads, channels, decoder.parameters - parameters], [3, 3 * 43, 226_048])
  })

  it('counts as many queries of each group where keys and values stay', async () => {
    const apart = await describeStructures(decoder, 'query')
    const [queries] = apart
    assert.deepEqual([queries.kind, queries.units, queries.groups, queries.places], ['queries', 8, 4, 8])
    assert.equal(queries.parameters, 2 * 8 * 64)
    // Half of one, of two in each group, is none.
    assert.deepEqual(
      [250_000, 500_000].map((ppm) => describeRatio(apart, ppm).queries),
      [0, 4 * decoder.blocks],
    )
  })

  it('removes no head if the ratio is less than one, and no locked unit', () => {
    const { heads, channels } = describeRatio(structures, 100_000)
    assert.deepEqual([heads, channels], [0, 18 * decoder.blocks])
    const locked = structures.map((structure) => ({ ...structure, locked: 'not understood' }))
    assert.deepEqual(describeRatio(locked, 500_000), { ratio: 0.5, heads: 0, queries: 0, channels: 0, parameters: 0 })
  })
})
