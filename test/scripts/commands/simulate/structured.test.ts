import assert from 'node:assert/strict'
import { copyFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { z } from 'zod'
import { structuredPartOf } from '../../../../src/merge/structures/structured-contribution.ts'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { coppice, type Ended } from '../../../support/command-line.ts'
import { fixturePath } from '../../../support/shared.ts'
import { siteText } from '../../../support/sites.ts'

const directory = mkdtempSync(join(tmpdir(), 'coppice-test-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const measured = z.number().positive()
const reportSchema = z.object({
  plan: z.object({
    pruner: z.literal('llm-pruner'),
    sparsity: z.null(),
    pattern: z.null(),
    structures: z.strictObject({ ratio: measured, blocks: z.tuple([z.int(), z.int()]), steps: z.int() }),
  }),
  peers: z.array(z.object({ root: z.string() })),
  result: z.object({ root: z.string(), zeros: z.int(), weights: z.int() }),
  perplexity: z.array(
    z.object({
      text: z.string(),
      isolated: z.array(measured).nullable(),
      isolatedFirst: z.array(measured).optional(),
      fedavg: z.null(),
      pooledText: measured,
      rounds: z.array(measured),
    }),
  ),
})

const COMMAND = 'simulate --pruner llm-pruner --ratio 0.25 --blocks 1:4 --recover 3 --rounds 2 --windows 4 --window 64'
const MODEL = fixturePath('stories260k')
const texts = [0, 1, 2, 3].map((site) => siteText(directory, site))
const simulate = (name: string, ...more: string[]) =>
  coppice(
    ...COMMAND.split(' '),
    '--model',
    MODEL,
    '--text',
    ...texts,
    '--eval',
    ...texts.slice(0, 2),
    '--eval-tokens',
    '256',
    '--json',
    '--out',
    join(directory, name),
    ...more,
  )
const reportOf = ({ stdout }: Ended) => reportSchema.parse(JSON.parse(stdout))

describe('a simulation of four sites that remove structures together', () => {
  const out = join(directory, 'mesh')
  let ended: Ended
  before(async () => {
    ended = await simulate('mesh', '--open', '--baselines', 'isolated,pooled-text')
  })

  it('ends with one root at all sites, and a smaller model', () => {
    assert.equal(ended.exit, 0, ended.stderr)
    const { plan, peers, result, perplexity } = reportOf(ended)
    assert.deepEqual(plan.structures, { ratio: 0.25, blocks: [1, 4], steps: 3 })
    assert.deepEqual([...new Set(peers.map(({ root }) => root))], [result.root])
    // In each of 3 blocks one of 4 heads and 43 of 172 channels.
    assert.deepEqual([result.zeros, result.weights], [3 * 44, 5 * (172 + 4)])
    for (const { isolated, isolatedFirst, rounds, pooledText } of perplexity) {
      assert.deepEqual([isolated?.length, isolatedFirst?.length, rounds.length], [4, 4, 2])
      assert.ok(isolated?.every((alone) => alone !== pooledText))
    }
    const [base, model] = [MODEL, join(out, 'model')].map((dir) => Decoder.open(dir, { threads: 1 }))
    assert.deepEqual([base.parameters, model.parameters], [260_032, 226_048])
    const untouched = model.baseWeights(0)[0].filter((w, i) => w !== base.baseWeights(0)[0][i])
    assert.ok(untouched.length > 0, 'blocks outside of the range are trained as well')
  })

  it('is masked by itself, and has the root of the open one', async () => {
    const masked = await simulate('masked', '--baselines', 'none')
    assert.equal(masked.exit, 0, masked.stderr)
    const { plan, result } = JSON.parse(masked.stdout)
    assert.equal(plan.masked, true)
    assert.equal(result.root, reportOf(ended).result.root)
  })

  it('verifies, and does not with a flipped bit in what decides ids and logits; other files are noted', async () => {
    const whole = await coppice('verify', out, '--model', MODEL)
    assert.equal(whole.exit, 0, whole.stderr)
    const copy = join(directory, 'copy')
    cpSync(out, copy, { recursive: true })
    const [contribution] = readdirSync(join(copy, 'contributions'))
    for (const name of [`contributions/${contribution}`, 'model/config.json']) {
      const bytes = readFileSync(join(copy, name))
      bytes[Math.floor(bytes.length / 2)] ^= 1
      rmSync(join(copy, name))
      writeFileSync(join(copy, name), bytes)
      const { exit, stderr } = await coppice('verify', copy, '--model', MODEL)
      const decides = name !== 'model/config.json'
      assert.equal(exit, decides ? 7 : 0, `${name}: ${stderr}`)
      assert.equal(stderr.includes(`note: ${name} differs from the base's`), !decides, `${name}: ${stderr}`)
      rmSync(join(copy, name))
      copyFileSync(join(out, name), join(copy, name))
    }
  })

  it('keeps the importances of the first round and the adapters of the last, and describes both', async () => {
    const folder = join(out, 'contributions')
    const parts = Map.groupBy(readdirSync(folder), (name) => structuredPartOf(readFileSync(join(folder, name))))
    assert.deepEqual([parts.get('importances')?.length, parts.get('adapters')?.length], [4 * 5, 4 * 5])
    for (const [part, round, says] of [
      ['importances', 1, /how much each head and channel matters to the loss, and nothing else/],
      ['adapters', 2, /low-rank adapters that its site has trained, in fp16, and nothing else/],
    ] as const) {
      const [name] = parts.get(part) ?? []
      const { exit, stdout, stderr } = await coppice('inspect', '--contribution', join(folder, name))
      assert.equal(exit, 0, stderr)
      assert.match(stdout, new RegExp(`for block [0-4] in round ${round} of`))
      assert.match(stdout, says)
    }
  })

  it('refuses a range of blocks beyond the model, and options of other pruners', async () => {
    for (const [says, ...argv] of [
      ['--blocks 1:9 is no range of the 5 blocks', '--blocks', '1:9'],
      ['--baselines fedavg is not for --pruner llm-pruner', '--baselines', 'fedavg'],
    ]) {
      const { exit, stderr } = await simulate('refused', ...argv)
      assert.equal(exit, 2, stderr)
      assert.ok(stderr.includes(says), stderr)
      assert.ok(!readdirSync(directory).includes('refused'))
    }
  })
})
