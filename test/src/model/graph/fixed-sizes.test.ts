import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { Windows } from '../../../../src/form/windows.ts'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { perplexity } from '../../../../src/model/forward/perplexity.ts'
import { Stream } from '../../../../src/model/forward/stream.ts'
import { takesPast } from '../../../../src/model/graph/inputs.ts'
import { expectedRun } from '../../../../src/model/write/write.ts'
import type { GraphProto } from '../../../../src/onnx/generated/onnx_pb.js'
import { runPlain } from '../../../../src/runtime/reference-run.ts'
import { edited, SMALLEST } from '../../../support/models/edited.ts'
import { groupQueryDecoder } from '../../../support/models/graphs.ts'

const scratch = mkdtempSync(join(tmpdir(), 'coppice-fixed-'))
after(() => rmSync(scratch, { recursive: true }))

/** Three rows of so many tokens of the printable characters. */
function rows(length: number): Windows {
  const ids = Int32Array.from({ length: 3 * length }, (_, i) => 1 + ((i * 31 + (i >> 3)) % 95))
  return { ids, count: 3, length }
}

/** Fixes an axis of the inputs whose name matches. */
function fix(graph: GraphProto, names: RegExp, axis: number, size: number): void {
  const inputs = graph.input.filter(({ name }) => names.test(name))
  assert.ok(inputs.length > 0)
  for (const { type } of inputs) {
    const dim = type?.tensorType?.shape?.dim[axis] ?? assert.fail('no such axis')
    dim.value = { case: 'dimValue', value: BigInt(size) }
  }
}

function fixedModel(fixes: [names: RegExp, axis: number, size: number][], from = SMALLEST): string {
  const edit = (graph: GraphProto) => {
    for (const each of fixes) fix(graph, ...each)
  }
  return edited(join(scratch, 'model'), edit, from)
}

const open = (dir: string) => Decoder.open(dir, { threads: 1 })

/** The largest difference of what the engine computes from ONNX Runtime's own, row by row, over the largest logit. */
async function difference(dir: string, { ids, count, length }: Windows): Promise<number> {
  const decoder = open(dir)
  const stream = await Stream.start(decoder, { ids, count, length })
  for (let block = 0; block < decoder.blocks; block++) await stream.pass(block, undefined)
  let largest = 0
  for (let row = 0; row < count; row++) {
    const run = await expectedRun(decoder, () => undefined, dir, ids.slice(row * length, (row + 1) * length))
    const expected = (await stream.logits(row)).subarray(0, run.expected.length)
    largest = Math.max(largest, (await runPlain({ ...run, model: decoder.directory.onnx, expected, threads: 1 })) ?? 1)
  }
  await decoder.close()
  return largest
}

const ALL = /./

describe('fixed sizes of a graph', () => {
  it('of one window at once: rows pass one by one, with the perplexity of the free graph', async () => {
    const fixed = fixedModel([[ALL, 0, 1]])
    assert.deepEqual(open(fixed).fixed, { batch: 1, window: undefined })
    assert.ok((await difference(fixed, rows(24))) < 1e-5)
    const [one, free] = [await perplexity(open(fixed), rows(24)), await perplexity(open(fixedModel([])), rows(24))]
    assert.ok(Math.abs(one.perplexity / free.perplexity - 1) < 1e-5)
  })

  for (const [what, fixes] of [
    ['ids', [[/^input_ids$/, 0, 1]]],
    ['the mask', [[/^attention_mask$/, 0, 1]]],
    ['a past', [[/past_key_values.1.value/, 0, 1]]],
  ] as [string, [RegExp, number, number][]][]) {
    it(`of one window at once, said by ${what} alone`, async () => {
      assert.ok((await difference(fixedModel(fixes), rows(17))) < 1e-5)
    })
  }

  it('of a window: it is the only one, in batches', async () => {
    const dir = fixedModel([[/^(input_ids|attention_mask)$/, 1, 32]])
    const decoder = open(dir)
    assert.deepEqual(decoder.fixed, { batch: undefined, window: 32 })
    assert.equal(takesPast(decoder.model), false)
    assert.ok((await difference(dir, rows(32))) < 1e-5)
    await assert.rejects(perplexity(decoder, rows(24)), {
      code: 'MODEL_FIXED',
      message: /"input_ids" is fixed at \[\?,32\], and windows of this length need \[3,24\]/,
    })
  })

  it('of a window longer than what is checked: a shorter text is repeated for the check', async () => {
    const dir = fixedModel(
      [
        [/^(input_ids|attention_mask|position_ids)$/, 1, 100],
        [ALL, 0, 1],
      ],
      'stories260k',
    )
    const decoder = open(dir)
    const run = await expectedRun(decoder, () => undefined, dir, rows(5).ids)
    assert.ok(((await runPlain({ ...run, model: decoder.directory.onnx, threads: 1 })) ?? 1) < 1e-5)
  })

  it('of no earlier positions, as Coppice feeds them', async () => {
    const dir = fixedModel([[/^past/, 2, 0]])
    assert.equal(takesPast(open(dir).model), false)
    assert.ok((await difference(dir, rows(24))) < 1e-5)
  })

  it('of a buffer that GroupQueryAttention fills: it may be longer than the window, or shorter', async () => {
    for (const length of [8, 40]) {
      const dir = groupQueryDecoder(join(scratch, `static-${length}`), 'float')
      const from = edited(join(scratch, 'buffer'), (graph) => fix(graph, /^past/, 2, length), dir)
      assert.equal(takesPast(open(from).model), false)
      assert.ok((await difference(from, rows(24))) < 1e-5, `${length}`)
    }
  })

  const REFUSED: [string, [RegExp, number, number][], RegExp][] = [
    ['several windows at once', [[/^input_ids$/, 0, 4]], /"input_ids" is fixed at 4 windows at once/],
    ['earlier positions', [[/^past_key_values.0.key$/, 2, 127]], /"past_key_values.0.key" is fixed at \[\?,4,127,16\]/],
    ['one token', [[/^input_ids$/, 1, 1]], /"input_ids" is fixed at 1 tokens, and a window has 2 to/],
    ['more tokens than memory', [[/^input_ids$/, 1, 2 ** 40]], /"input_ids" is fixed at 1099511627776 tokens/],
    [
      'lengths that differ',
      [
        [/^input_ids$/, 1, 32],
        [/^attention_mask$/, 1, 64],
      ],
      /"input_ids" is fixed at 32 tokens, and "attention_mask" at 64/,
    ],
  ]
  for (const [what, fixes, message] of REFUSED) {
    it(`of ${what} are refused by input and number`, () => {
      assert.throws(() => open(fixedModel(fixes)), { code: 'MODEL_FIXED', message })
    })
  }
})
