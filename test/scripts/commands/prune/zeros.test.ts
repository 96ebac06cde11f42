/** Zeros that are said are those of the file that was written, and what is not pruned is said before work begins. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { writeModel } from '../../../../src/model/write/write.ts'
import { coppice, type Ended } from '../../../support/command-line.ts'
import { hiding, NAMED } from '../../../support/models/hidden-matrices.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath } from '../../../support/shared.ts'
import { siteText } from '../../../support/sites.ts'

const WEIGHTS = 226_560
const HIDDEN = 172 * 64

/** Zeros and weights of all matrices in the blocks of a model, as `inspect` counts them. */
async function inspected(dir: string): Promise<{ layers: number; all: number; text: string }> {
  const report = JSON.parse((await done(coppice('inspect', '--model', dir, '--json'))).stdout)
  const sum = (matrices: { zeros: number }[]) => matrices.reduce((total, { zeros }) => total + zeros, 0)
  const { stdout } = await done(coppice('inspect', '--model', dir))
  return { layers: sum(report.layers), all: sum([...report.layers, ...report.unpruned]), text: stdout }
}

async function done(ending: Promise<Ended>): Promise<Ended> {
  const ended = await ending
  assert.equal(ended.exit, 0, ended.stderr)
  return ended
}

/** A model whose layers have zeros in seven of ten places. */
async function seventy(base: string, out: string): Promise<string> {
  const decoder = Decoder.open(base, { threads: 1 })
  writeModel(decoder, (block) => decoder.baseWeights(block).map((w) => w.map((x, i) => (i % 10 < 7 ? 0 : x))), out)
  await decoder.close()
  return out
}

test('prune says how many zeros it wrote where the base has more than are asked for', async (context) => {
  const directory = await temporaryDirectory(context)
  const base = await seventy(fixturePath('stories260k'), join(directory, 'base'))
  const out = join(directory, 'pruned')
  const argv = ['prune', '--model', base, '--pruner', 'magnitude', '--sparsity', '0.5', '--out', out]
  const { stdout, stderr } = await done(coppice(...argv))
  const { layers } = await inspected(out)
  assert.ok(layers > 0.69 * WEIGHTS, `${layers}`)
  assert.match(stdout, new RegExp(`^${layers.toLocaleString('en-US')} of 226,560 weights are zero \\(70.02`, 'm'))
  const card = readFileSync(join(out, 'README.md'), 'utf8')
  assert.match(card, new RegExp(`^- ${layers.toLocaleString('en-US')} of 226,560 weights .*\\n- No text was used`, 'm'))
  assert.match(stderr, /^The base has 70.02 % zeros already, more than the 50 % asked for.$/m)
})

test('prune names the matrices that it does not prune, and counts them', async (context) => {
  const directory = await temporaryDirectory(context)
  const base = hiding(join(directory, 'base'), { 'layers.1/mlp/down_proj': NAMED['Einsum'].way })
  const out = join(directory, 'pruned')
  const argv = ['prune', '--model', base, '--pruner', 'magnitude', '--sparsity', '0.5', '--out', out, '--json']
  const { stdout, stderr } = await done(coppice(...argv))
  const report = JSON.parse(stdout)
  assert.deepEqual([report.zeros, report.weights], [(WEIGHTS - HIDDEN) / 2, WEIGHTS])
  const reason = 'a factor of an Einsum (bsi,io->bso)'
  const name = 'model.layers.1.mlp.down_proj'
  assert.deepEqual(report.unpruned, [{ name, block: 1, weights: HIDDEN, zeros: 0, reason }])
  const said =
    /^Not pruned: 1 of the 35 weight matrices in the blocks, 11,008 of 226,560 weights\. .*\n {2}block 1, model\.layers\.1\.mlp\.down_proj: a factor of an Einsum/m
  assert.match(stderr, said)
  assert.ok(stderr.search(said) < stderr.indexOf('Pruning'), stderr)
  assert.match((await inspected(out)).text, said)
})

test('a federation reports the zeros of the model that it wrote, and its plan names the matrices that it leaves', async (context) => {
  const directory = await temporaryDirectory(context)
  const hidden = hiding(join(directory, 'hidden'), { 'layers.1/mlp/down_proj': NAMED['the first factor'].way })
  const base = await seventy(hidden, join(directory, 'base'))
  const out = join(directory, 'out')
  const argv = ['--pruner', 'wanda', '--sparsity', '0.5', '--windows', '1', '--window', '32', '--rounds', '1']
  const more = ['--peers', '2', '--baselines', 'none', '--eval-tokens', '64', '--model', base, '--out', out]
  const { stdout } = await done(coppice('simulate', ...argv, ...more, '--text', siteText(directory, 0)))
  const { result } = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8'))
  const { all, layers } = await inspected(join(out, 'model'))
  assert.deepEqual([result.zeros, result.weights, result.sparsity], [all, WEIGHTS, all / WEIGHTS])
  assert.ok(layers > 0.69 * (WEIGHTS - HIDDEN), `${layers}`)
  assert.match(stdout, new RegExp(`^${all.toLocaleString('en-US')} of 226,560 weights of the layers are zero`, 'm'))
  assert.match(stdout, /^Not pruned: 1 of the 35 .*\n.*: the first factor of a MatMul\nThe base has 70.02 % zeros/m)
})
