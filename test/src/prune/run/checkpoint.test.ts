import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { OutputError } from '../../../../src/base/errors.ts'
import { storeBlock } from '../../../../src/files/block-store.ts'
import type { Fingerprint } from '../../../../src/files/fingerprint.ts'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { Stream } from '../../../../src/model/forward/stream.ts'
import { Checkpoint, peek } from '../../../../src/prune/run/checkpoint.ts'
import { fingerprintOf, type PruneInputs } from '../../../../src/prune/run/fingerprint.ts'
import { PRUNE_RECORD } from '../../../../src/prune/run/prune-record.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath } from '../../../support/shared.ts'

const WINDOWS = { ids: Int32Array.from({ length: 2 * 16 }, (_, i) => i % 60), count: 2, length: 16 }
const INPUTS: PruneInputs = {
  modelName: 'small',
  modelHash: new Uint8Array(32).fill(1),
  windows: WINDOWS,
  pruner: 'wanda',
  target: { kind: 'unstructured', ppm: 500_000 },
  blocks: [0, 1],
  as: 'stored',
  weights: [],
}
const SECONDS = { forward: 1, statistics: 2, solve: 3 }

/** A checkpoint of a model with two blocks, of which the first is finished. */
async function half(context: TestContext): Promise<{ dir: string; stream: Stream }> {
  const dir = join(await temporaryDirectory(context), 'blocks')
  const decoder = Decoder.open(fixturePath('decoders/llama-gqa-tied/external'))
  context.after(() => decoder.close())
  const stream = await Stream.start(decoder, WINDOWS)
  await stream.pass(0, undefined)
  const checkpoint = Checkpoint.open(dir, fingerprintOf(INPUTS), 'refuse')
  assert.equal(checkpoint.next, 0)
  assert.ok(!PRUNE_RECORD.liesIn(dir))
  const file = await storeBlock(dir, 0, decoder.baseWeights(0))
  await checkpoint.finish({ block: 0, file, damping: [null, 0.01], error: [0.1, null] }, stream, SECONDS)
  return { dir, stream }
}

const refuses = (code: string, what: RegExp) => (error: unknown) =>
  error instanceof OutputError && error.code === code && what.test(error.message)

test('a checkpoint gives back the finished blocks, and the stream behind them', async (context) => {
  const { dir, stream } = await half(context)
  // Files of a process that was killed on the way to the next record.
  for (const name of ['block-0001.f32', 'stream-0002', 'progress.json.part']) writeFileSync(join(dir, name), 'x')
  assert.ok(PRUNE_RECORD.liesIn(dir))
  assert.deepEqual(peek(dir, fingerprintOf(INPUTS)), { blocks: 1, seconds: SECONDS })
  const again = Checkpoint.open(dir, fingerprintOf(INPUTS), 'refuse')
  const [{ block, file, damping }] = again.finished
  assert.deepEqual([block, damping, again.next, again.seconds], [0, [null, 0.01], 1, SECONDS])
  assert.equal(file.path, join(dir, 'block-0000.f32'))
  assert.deepEqual(readdirSync(dir).sort(), ['block-0000.f32', 'progress.json', 'stream-0001'])
  const other = await Stream.start(stream.decoder, WINDOWS)
  again.restore(other)
  assert.deepEqual(other.state, stream.state)

  const last = await storeBlock(dir, 1, stream.decoder.baseWeights(1))
  await again.finish({ block: 1, file: last, damping: [], error: [] }, null, SECONDS)
  assert.deepEqual(readdirSync(dir).sort(), ['block-0000.f32', 'block-0001.f32', 'progress.json'])
  assert.equal(Checkpoint.open(dir, fingerprintOf(INPUTS), 'refuse').next, 2)
})

const DAMAGE: Record<string, (dir: string) => void> = {
  'block-0000.f32': (dir) => flip(join(dir, 'block-0000.f32')),
  'block-0000.f32 cut short': (dir) => truncateSync(join(dir, 'block-0000.f32'), 100),
  'block-0000.f32 gone': (dir) => rmSync(join(dir, 'block-0000.f32')),
  'stream-0001': (dir) => flip(join(dir, 'stream-0001')),
  'stream-0001 cut short': (dir) => truncateSync(join(dir, 'stream-0001'), 100),
  'stream-0001 gone': (dir) => rmSync(join(dir, 'stream-0001')),
  'progress.json': (dir) => flip(join(dir, 'progress.json')),
  'progress.json edited': (dir) => edit(dir, (text) => text.replace('"damping":[null,0.01]', '"damping":[null,0.02]')),
  'progress.json empty': (dir) => edit(dir, () => ''),
  'progress.json is null': (dir) => edit(dir, () => 'null'),
  'progress.json without a value': (dir) => edit(dir, () => '{"digest":"00"}'),
}

function flip(path: string): void {
  const bytes = readFileSync(path)
  bytes[bytes.length >> 1] ^= 1
  writeFileSync(path, bytes)
}

function edit(dir: string, change: (text: string) => string): void {
  const path = join(dir, 'progress.json')
  writeFileSync(path, change(readFileSync(path, 'utf8')))
}

for (const [what, damage] of Object.entries(DAMAGE)) {
  test(`a damaged checkpoint is refused by name and stays as it is: ${what}`, async (context) => {
    const { dir, stream } = await half(context)
    damage(dir)
    const left = readdirSync(dir)
    const [name] = what.split(' ')
    const other = await Stream.start(stream.decoder, WINDOWS)
    assert.throws(
      () => Checkpoint.open(dir, fingerprintOf(INPUTS), 'refuse').restore(other),
      refuses('OUTPUT_CHECKPOINT_DAMAGED', new RegExp(name)),
    )
    assert.deepEqual(readdirSync(dir), left)
  })
}

const OTHERS: [name: string, change: Partial<PruneInputs>, told: RegExp][] = [
  ['model', { modelHash: new Uint8Array(32).fill(2) }, /another model \(small 01010101, now small 02020202\)$/],
  ['text', { windows: { ...WINDOWS, ids: WINDOWS.ids.map((id) => id + 1) } }, /another text \(\w{8}, now \w{8}\)$/],
  ['pruner', { pruner: 'sparsegpt' }, /another choice of settings \(wanda, .*, now sparsegpt, [^)]*\)$/],
  ['target', { target: { kind: 'pattern', n: 2, m: 4 } }, /settings \(wanda, sparsity 0.5, .*pattern 2:4, /],
  [
    'windows',
    { windows: { ...WINDOWS, count: 1, length: 32 } },
    /settings \(.*2 windows of 16.*1 windows of 32,[^)]*\)$/,
  ],
  ['blocks', { blocks: [0] }, /settings \(.*blocks 0-1, now .*blocks 0\)$/],
  ['kind of files', { as: 'contribution' }, /settings/],
  ['given weights', { weights: [{ block: 1, digest: 'ab' }] }, /settings \(.*, merged weights \w{8}\)$/],
  ['model and text', { modelHash: new Uint8Array(32), windows: undefined }, /another model .* and choice of settings/],
]

for (const [name, change, told] of OTHERS) {
  test(`another ${name} is another prune: refused by saying so, or begun anew`, async (context) => {
    const { dir } = await half(context)
    const other = fingerprintOf({ ...INPUTS, ...change })
    assert.throws(() => peek(dir, other), refuses('OUTPUT_OTHER_PRUNE', told))
    assert.throws(() => Checkpoint.open(dir, other, 'refuse'), refuses('OUTPUT_OTHER_PRUNE', told))
    assert.equal(Checkpoint.open(dir, fingerprintOf(INPUTS), 'refuse').next, 1) // nothing is lost

    const anew = Checkpoint.open(dir, other, 'replace')
    assert.deepEqual([anew.next, anew.finished, readdirSync(dir)], [0, [], []])
  })
}

test('the same in other words is the same prune', () => {
  const digests = ({ digests }: Fingerprint) => digests
  const renamed = fingerprintOf({ ...INPUTS, modelName: 'moved', windows: { ...WINDOWS, ids: WINDOWS.ids.slice() } })
  assert.deepEqual(digests(renamed), digests(fingerprintOf(INPUTS)))
  const weights = [0, 1].map((block) => ({ block, digest: `${block}` }))
  assert.deepEqual(
    digests(fingerprintOf({ ...INPUTS, weights: weights.toReversed() })),
    digests(fingerprintOf({ ...INPUTS, weights })),
  )
})

test('a file where the checkpoint should be is a refusal', async (context) => {
  const parent = await temporaryDirectory(context)
  mkdirSync(join(parent, 'a'))
  writeFileSync(join(parent, 'a', 'b'), '')
  assert.throws(
    () => Checkpoint.open(join(parent, 'a', 'b'), fingerprintOf(INPUTS), 'replace'),
    refuses('OUTPUT_UNWRITABLE', /cannot be written/),
  )
})
