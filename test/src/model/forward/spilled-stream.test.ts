import assert from 'node:assert/strict'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { type SpilledStream, spillStream, unspillStream } from '../../../../src/model/forward/spilled-stream.ts'
import { Stream } from '../../../../src/model/forward/stream.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath } from '../../../support/shared.ts'

const MODEL = fixturePath('decoders/llama-gqa-tied/external')
/** Three batches, the last of them shorter. */
const WINDOWS = { ids: Int32Array.from({ length: 5 * 256 }, (_, i) => (i * 7) % 60), count: 5, length: 256 }

function open(context: TestContext): Decoder {
  const decoder = Decoder.open(MODEL)
  context.after(() => decoder.close())
  return decoder
}

/** The loss that a stream has behind the last block. */
async function ending(stream: Stream): Promise<number> {
  await stream.pass(1, undefined)
  return (await stream.negativeLogLikelihood()).sum
}

test('a stream that was spilled continues to the same bits, in another process or decoder', async (context) => {
  const dir = await temporaryDirectory(context)
  const stream = await Stream.start(open(context), WINDOWS)
  await stream.pass(0, undefined)
  const spilled: SpilledStream = JSON.parse(JSON.stringify(await spillStream(dir, 1, stream.state)))
  const before = await stream.observe(1, 'gram')

  const other = await Stream.start(open(context), WINDOWS)
  assert.ok(unspillStream(dir, 1, spilled, other))
  assert.deepEqual(await other.observe(1, 'gram'), before)
  assert.equal(await ending(other), await ending(stream))
})

test('values that blocks pass on besides the stream are spilled with it', async (context) => {
  const dir = await temporaryDirectory(context)
  const decoders = [open(context), open(context)]
  // No known export does this; the first value inside the block stands for one that a later block reads.
  const [name] = decoders[0].index.nodes[decoders[0].cut.blocks[0].nodes[0]].output
  for (const { cut } of decoders) cut.blocks[0].passes.push(name)
  const stream = await Stream.start(decoders[0], WINDOWS)
  await stream.pass(0, undefined)
  const spilled = await spillStream(dir, 1, stream.state)
  assert.deepEqual(
    spilled.passed.map((batch) => batch.map((value) => value.name)),
    [[name], [name], [name]],
  )
  const other = await Stream.start(decoders[1], WINDOWS)
  assert.ok(unspillStream(dir, 1, spilled, other))
  assert.deepEqual(other.state, stream.state)
})

test('a stream whose file is not as it was written is refused', async (context) => {
  const dir = await temporaryDirectory(context)
  const decoder = open(context)
  const stream = await Stream.start(decoder, WINDOWS)
  await stream.pass(0, undefined)
  const spilled = await spillStream(dir, 1, stream.state)
  const path = join(dir, spilled.file)
  const whole = readFileSync(path)
  const refused = async () => !unspillStream(dir, 1, spilled, await Stream.start(decoder, WINDOWS))
  truncateSync(path, whole.length - 1)
  assert.ok(await refused(), 'cut short')
  writeFileSync(path, Buffer.concat([whole, Buffer.alloc(1)]))
  assert.ok(await refused(), 'too long')
  whole[whole.length >> 1] ^= 1
  writeFileSync(path, whole)
  assert.ok(await refused(), 'a bit flipped')
})
