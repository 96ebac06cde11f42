import assert from 'node:assert/strict'
import {
  closeSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { BlockWeights, WeightsOf } from '../../../../src/form/block-weights.ts'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { cutDecoder } from '../../../../src/model/graph/cut.ts'
import { tellApart } from '../../../../src/model/graph/untie-weights.ts'
import { compareWritten, expectedRun, writeModel } from '../../../../src/model/write/write.ts'
import { lower } from '../../../../src/onnx/lower/lower.ts'
import { readOnnx } from '../../../../src/onnx/read.ts'
import { DATA_TYPE, readFloats, tensorBytes } from '../../../../src/onnx/tensor.ts'
import { writeOnnx } from '../../../../src/onnx/write.ts'
import { pruneSequential } from '../../../../src/prune/run/sequential.ts'
import { Solvers } from '../../../../src/prune/run/solvers.ts'
import { InferenceSession, Tensor } from '../../../../src/runtime/onnx-runtime.ts'
import { runPlain } from '../../../../src/runtime/reference-run.ts'
import { SHARED, sharedDecoders } from '../../../support/models/decoders.ts'
import { groupQueryDecoder, multiHeadDecoder } from '../../../support/models/graphs.ts'
import { MERGED, mergeDecoder } from '../../../support/models/merged.ts'
import { fixturePath, needsShared, sharedPath } from '../../../support/shared.ts'

const scratch = mkdtempSync(join(tmpdir(), 'coppice-write-'))
after(() => rmSync(scratch, { recursive: true }))

/** Every other weight of every layer zeroed. */
function halved(decoder: Decoder): (block: number) => BlockWeights {
  return (block) => decoder.baseWeights(block).map((weight) => weight.map((w, i) => (i % 2 === 0 ? 0 : w)))
}

/** The result of comparing a directory that is as it was written. */
const SAME = { difference: null, notes: [] }

const IDS = Int32Array.from({ length: 48 }, (_, i) => (i * 31) % 96)
/** The most that two ways through the same arithmetic may differ, as a share of the largest logit. */
const LOGIT_SHARE = 1e-3
/** The same where ONNX Runtime rounds to fp16 after every operator, and the engine does not. */
const FP16_SHARE = 1e-2

/** How far the logits of a plain run are from the engine's, as a share of the largest. */
async function plainShare(decoder: Decoder, weightsOf: WeightsOf, out: string): Promise<number> {
  return (await runPlain({ ...(await expectedRun(decoder, weightsOf, out, IDS)), threads: 1 })) ?? Number.NaN
}

/** Wanda at 50 % on one text; what is written has these zeros, the base's element types, and its own logits. */
async function prunesAndReloads(dir: string, name: string): Promise<void> {
  const decoder = Decoder.open(dir)
  const pruned: BlockWeights[] = []
  await using solvers = await Solvers.create(1)
  await pruneSequential(decoder, solvers, {
    pruner: 'wanda',
    target: { kind: 'unstructured', ppm: 500_000 },
    blocks: Array.from({ length: decoder.blocks }, (_, block) => block),
    windows: { ids: IDS, count: 2, length: IDS.length / 2 },
    onBlock: ({ block, layers }) => {
      pruned[block] = layers.map(({ weight }) => weight)
    },
  })
  const out = mkdtempSync(join(scratch, 'pruned-'))
  writeModel(decoder, (block) => pruned[block], out)
  const share = await plainShare(decoder, (block) => pruned[block], out)
  assert.ok(share < (isRounding(decoder) ? FP16_SHARE : LOGIT_SHARE), `${name}: ${share}`)
  assert.deepEqual(
    compareWritten(decoder, (block) => pruned[block], out),
    SAME,
    name,
  )
  const written = Decoder.open(out)
  assert.deepEqual(storedTypes(written), storedTypes(decoder), name)
  for (const [block, weights] of pruned.entries()) {
    assert.deepEqual(written.baseWeights(block), weights, `${name}, block ${block}`)
    for (const weight of weights) {
      assert.equal(weight.filter((w) => w === 0).length, weight.length / 2, `${name}, block ${block}`)
    }
  }
  rmSync(out, { recursive: true })
}

/** Whether the file's graph computes in fp16, so that ONNX Runtime rounds between its operators. */
function isRounding({ model: { graph } }: Decoder): boolean {
  return (
    [...graph.input, ...graph.output].some(({ type }) => type?.tensorType?.elemType === DATA_TYPE.float16) ||
    graph.node.some(({ opType, attribute }) => opType === 'Cast' && attribute.some(({ i }) => i === 10n))
  )
}

function storedTypes(decoder: Decoder): number[] {
  return [...decoder.storedTensors.values()].flat().map(({ dataType }) => dataType)
}

async function branchLogits(decoder: Decoder, dir: string, withPast: boolean): Promise<Float32Array> {
  const values = decoder.plainInputs(BigInt64Array.from(IDS, BigInt), 1, IDS.length)
  values.set('use_cache_branch', new Tensor('bool', [withPast], [1]))
  const session = await InferenceSession.create(join(dir, 'onnx/model.onnx'), { intraOpNumThreads: 1 })
  const wanted = [...values].filter(([name]) => session.inputNames.includes(name))
  const { logits } = await session.run(Object.fromEntries(wanted), ['logits'])
  await session.release()
  return logits.data as Float32Array
}

describe('writing a model', () => {
  for (const name of [
    'stories260k',
    'decoders/gpt2/optimum-past',
    'decoders/llama-gqa-tied/external',
    'decoders/llama-gqa-tied/dynamo',
    'decoders/llama-gqa-tied/genai',
    'decoders/opt/optimum-past',
  ]) {
    it(`gives a directory that plain ONNX Runtime loads: ${name}`, async () => {
      const decoder = Decoder.open(fixturePath(name))
      const out = join(scratch, name.replaceAll('/', '-'))
      writeModel(decoder, halved(decoder), out)
      assert.ok((await plainShare(decoder, halved(decoder), out)) < LOGIT_SHARE)
      const written = Decoder.open(out)
      for (let block = 0; block < decoder.blocks; block++) {
        assert.deepEqual(written.baseWeights(block), halved(decoder)(block), `block ${block}`)
      }
      assert.deepEqual(compareWritten(decoder, halved(decoder), out), SAME)
      assert.deepEqual(written.model.externalFiles, decoder.model.externalFiles.length === 0 ? [] : ['model.onnx_data'])
      await decoder.close()
    })
  }

  it('prunes, writes and reloads every graph beside the checkout', { skip: needsShared(SHARED) }, async (test) => {
    for (const name of sharedDecoders()) {
      await test.test(name, () => prunesAndReloads(sharedPath(`${SHARED}/${name}`) ?? '', name))
    }
  })

  for (const [form, build] of Object.entries({
    'GroupQueryAttention, fp16 weights': (dir: string) => groupQueryDecoder(dir, 'float16'),
    'GroupQueryAttention, float32': (dir: string) => groupQueryDecoder(dir, 'float'),
    'GroupQueryAttention, a sliding window': (dir: string) => groupQueryDecoder(dir, 'float', 8),
    MultiHeadAttention: multiHeadDecoder,
    'an If, weights outside': (dir: string) => mergeDecoder(fixturePath('decoders/gpt2/optimum-past'), dir, 'outer'),
    'an If, weights in each branch': (dir: string) =>
      mergeDecoder(fixturePath('decoders/gpt2/optimum-past'), dir, 'own'),
    'fp16 everywhere': () => fixturePath('decoders/llama-gqa-tied/genai-fp16'),
  })) {
    it(`prunes, writes and reloads: ${form}`, async () => {
      await prunesAndReloads(build(join(scratch, form.replaceAll(/\W+/g, '-'))), form)
    })
  }

  it('prunes a layer in both branches of an If', async () => {
    for (const weights of ['outer', 'own'] as const) {
      const dir = mergeDecoder(fixturePath('decoders/gpt2/optimum-past'), join(scratch, `branches-${weights}`), weights)
      const decoder = Decoder.open(dir)
      const out = join(scratch, `branches-${weights}-out`)
      writeModel(decoder, halved(decoder), out)
      const begun = await branchLogits(decoder, out, false)
      assert.deepEqual(await branchLogits(decoder, out, true), begun, weights) // an empty past is no past
      await decoder.close()
    }
  })

  it('refuses branches whose weights differ', () => {
    const dir = mergeDecoder(fixturePath('decoders/gpt2/optimum-past'), join(scratch, 'unlike'), 'own')
    const model = readOnnx(join(dir, MERGED))
    const out = join(scratch, 'unlike-out')
    cpSync(dir, out, { recursive: true })
    const name = Decoder.open(dir).cut.blocks[1].layers[0].weight.name
    const [first] = [...model.subgraphs.values()].map((tensors) => tensors.get(name))
    writeOnnx(model, join(out, MERGED), null, (tensor) =>
      tensor === first ? new Uint8Array(tensorBytes(tensor).length) : undefined,
    )
    assert.throws(() => Decoder.open(out), { code: 'MODEL_BRANCHES', message: new RegExp(name) })
  })

  it('names the layer whose weight fp16 cannot hold', () => {
    const decoder = Decoder.open(fixturePath('decoders/llama-gqa-tied/genai-fp16'))
    const large = (block: number) =>
      decoder.baseWeights(block).map((weight) => weight.fill(block === 1 ? 65_520 : 65_519))
    assert.throws(() => writeModel(decoder, large, join(scratch, 'large')), {
      code: 'WEIGHTS_FP16_RANGE',
      message: /layers\.1\..*65520/,
    })
  })

  it('leaves every other tensor as it was, bit for bit', () => {
    const decoder = Decoder.open(fixturePath('stories260k'))
    const out = join(scratch, 'untouched')
    writeModel(decoder, () => undefined, out)
    const written = readOnnx(join(out, 'onnx/model.onnx'))
    for (const [name, tensor] of readOnnx(join(fixturePath('stories260k'), 'model.onnx')).initializers) {
      const copy = written.initializers.get(name)
      assert.ok(copy, name)
      assert.ok(Buffer.from(tensorBytes(tensor)).equals(tensorBytes(copy)), name)
    }
  })

  it('finds any flipped bit in the written files', () => {
    const decoder = Decoder.open(fixturePath('decoders/llama-gqa-tied/external'))
    const out = join(scratch, 'flipped')
    writeModel(decoder, halved(decoder), out)
    for (const file of ['onnx/model.onnx', 'onnx/model.onnx_data', 'tokenizer.json']) {
      const whole = readFileSync(join(out, file))
      for (const at of [0, 1, 7, whole.length >> 1, whole.length - 1]) {
        const flipped = Buffer.from(whole)
        flipped[at] ^= 1 << (at % 8)
        writeFileSync(join(out, file), flipped)
        const { difference } = compareWritten(decoder, halved(decoder), out)
        assert.notEqual(difference, null, `${file}, byte ${at}`)
      }
      writeFileSync(join(out, file), whole)
    }
    assert.deepEqual(compareWritten(decoder, halved(decoder), out), SAME)
  })

  it('tells apart layers that an exporter stored once', async () => {
    const dir = join(scratch, 'shared')
    cpSync(fixturePath('stories260k'), dir, { recursive: true })
    const model = readOnnx(join(fixturePath('stories260k'), 'model.onnx'))
    const { blocks } = cutDecoder(model)
    const first = blocks[0].layers[0]
    model.graph.node[blocks[1].layers[0].node].input[1] = first.weight.name
    writeOnnx(model, join(dir, 'model.onnx'), null)

    const decoder = Decoder.open(dir)
    const names = decoder.cut.blocks.map(({ layers }) => layers[0].weight.name)
    assert.notEqual(names[0], names[1])
    assert.deepEqual(decoder.baseWeights(0)[0], decoder.baseWeights(1)[0])
    const out = join(scratch, 'apart')
    const onlyFirst = (block: number) => (block === 0 ? halved(decoder)(0) : undefined)
    writeModel(decoder, onlyFirst, out)
    assert.ok((await plainShare(decoder, onlyFirst, out)) < LOGIT_SHARE)
    const written = Decoder.open(out)
    assert.deepEqual(written.baseWeights(1)[0], decoder.baseWeights(1)[0])
    assert.notDeepEqual(written.baseWeights(0)[0], decoder.baseWeights(0)[0])
    const reread = readOnnx(join(out, 'onnx/model.onnx'))
    assert.equal(
      tellApart(
        reread,
        lower(reread),
        written.cut.blocks.flatMap(({ layers }) => layers),
      ),
      false,
    )
    await decoder.close()
  })

  it('reads weights beyond 2^31 bytes of a file', () => {
    const dir = join(scratch, 'far')
    mkdirSync(dir)
    const path = join(dir, 'weights')
    const fd = openSync(path, 'w')
    const offset = 2 ** 31 + 4096
    writeSync(fd, new Uint8Array(Float32Array.of(1.5, -2).buffer), 0, 8, offset)
    closeSync(fd)
    const values = readFloats({ name: 'far', dims: [2], dataType: 1, data: { kind: 'file', path, offset, length: 8 } })
    assert.deepEqual([...values], [1.5, -2])
  })
})
