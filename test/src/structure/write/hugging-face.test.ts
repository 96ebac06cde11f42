import assert from 'node:assert/strict'
import { copyFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { readSafetensors, writeSafetensors } from '../../../../src/model/write/safetensors.ts'
import { writeModel } from '../../../../src/model/write/write.ts'
import { readFloats, tensorBytes } from '../../../../src/onnx/tensor.ts'
import { writeOnnx } from '../../../../src/onnx/write.ts'
import { sliceStructures } from '../../../../src/structure/cut/slice.ts'
import { followBlocks } from '../../../../src/structure/find/follow-blocks.ts'
import type { Removal } from '../../../../src/structure/find/removal.ts'
import type { GroupQueries } from '../../../../src/structure/find/walk.ts'
import { assertNames, rewriteHuggingFace, writeHuggingFace } from '../../../../src/structure/write/hugging-face.ts'
import { groupQueryDecoder } from '../../../support/models/graphs.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath, needsShared, sharedPath } from '../../../support/shared.ts'

const STORIES = fixturePath('stories260k')

/**
 * The base without the first unit of each structure, of queries the last of each group; written with its safetensors.
 */
async function shrunk(dir: string, context: TestContext, groupQueries: GroupQueries = 'kv'): Promise<Decoder> {
  const base = Decoder.open(dir, { threads: 1 })
  const blocks = await followBlocks(base, groupQueries)
  const removals: Removal[] = blocks.map(({ structures }, block) => ({
    block,
    removed: structures.map((structure) => {
      const size = structure.units / structure.groups
      const units = Array.from(
        { length: structure.groups },
        (_, group) => group * size + (size - 1) * (structure.groups === 1 ? 0 : 1),
      )
      return { structure, units }
    }),
  }))
  const out = await temporaryDirectory(context)
  const model = sliceStructures(
    base,
    blocks,
    removals.map(({ removed }) => removed),
  )
  writeOnnx(model, join(out, 'model.onnx'), null)
  for (const name of ['config.json', 'tokenizer.json']) copyFileSync(join(dir, name), join(out, name))
  const written = Decoder.open(out, { threads: 1 })
  writeHuggingFace(base, removals, written)
  return written
}

/** The layers of `written` are [out, in] under their names, and every trained number is there once. */
function assertSame(written: Decoder): void {
  const tensors = readSafetensors(join(written.directory.dir, 'model.safetensors'))
  for (let block = 0; block < written.blocks; block++) {
    const weights = written.baseWeights(block)
    for (const { name, block: own, role, rows, cols } of written.layers) {
      if (own !== block) continue
      const tensor = tensors.get(`${name}.weight`)
      assert.ok(tensor, name)
      assert.deepEqual(tensor.dims, [rows, cols], name)
      assert.deepEqual(readFloats(tensor), weights[role], name)
    }
  }
  const count = [...tensors.values()].reduce((sum, { dims }) => sum + dims.reduce((all, size) => all * size, 1), 0)
  assert.equal(count, written.parameters)
  const embedding = tensors.get('model.embed_tokens.weight')
  const own = written.index.initializers.get('model.embed_tokens.weight')
  assert.ok(embedding && own)
  assert.deepEqual(tensorBytes(embedding), tensorBytes(own))
}

/** A directory of the base with a model.safetensors by the names in its graph. */
async function withSafetensors(context: TestContext): Promise<string> {
  const dir = await temporaryDirectory(context)
  cpSync(STORIES, dir, { recursive: true })
  writeHuggingFace(Decoder.open(STORIES, { threads: 1 }), [], Decoder.open(dir, { threads: 1 }))
  return dir
}

describe('a sliced model as Hugging Face keeps it', () => {
  for (const groupQueries of ['kv', 'query'] as const) {
    it(`has the graph's weights by the names in the graph: ${groupQueries}`, async (context) => {
      assertSame(await shrunk(STORIES, context, groupQueries))
    })

    it(`has the tensors of the base's file, cut where the graph is: ${groupQueries}`, async (context) => {
      assertSame(await shrunk(await withSafetensors(context), context, groupQueries))
    })
  }

  const given = 'models/stories260k'
  it("is cut from PyTorch's own file", { skip: needsShared(`${given}/model.safetensors`) }, async (context) => {
    assertSame(await shrunk(sharedPath(given) ?? '', context))
  })

  it('says its element type in config.json, where that says one', async (context) => {
    const dir = await temporaryDirectory(context)
    cpSync(STORIES, dir, { recursive: true })
    const path = join(dir, 'config.json')
    const { dtype: _, torch_dtype: __, ...config } = JSON.parse(readFileSync(path, 'utf8'))
    for (const said of [{ torch_dtype: 'bfloat16' }, { dtype: 'float16' }, { dtype: 'float32' }, {}]) {
      writeFileSync(path, JSON.stringify({ ...config, ...said }))
      const written = await shrunk(dir, context)
      const { dtype, torch_dtype } = JSON.parse(readFileSync(join(written.directory.dir, 'config.json'), 'utf8'))
      assert.deepEqual(
        [dtype, torch_dtype],
        ['dtype', 'torch_dtype'].map((key) => (key in said ? 'float32' : undefined)),
      )
    }
  })

  it('tells tensors apart by their content, whatever they are called', async (context) => {
    const dir = await withSafetensors(context)
    const path = join(dir, 'model.safetensors')
    const renamed = [...readSafetensors(path).values()].map((tensor, k) => {
      const bytes = tensorBytes(tensor)
      return { ...tensor, name: `t.${k}`, bytes: () => bytes }
    })
    writeSafetensors(path, renamed)
    const written = await shrunk(dir, context)
    const found = readSafetensors(join(written.directory.dir, 'model.safetensors'))
    const query = written.baseWeights(2)[0]
    assert.ok(
      [...found.values()].some(
        (tensor) => tensor.dims[0] === 48 && Buffer.from(tensorBytes(tensor)).equals(Buffer.from(query.buffer)),
      ),
    )
  })

  it('has the layers that were trained again', async (context) => {
    const smaller = await shrunk(STORIES, context)
    const out = await temporaryDirectory(context)
    writeModel(
      smaller,
      (block) => smaller.baseWeights(block).map((weight) => weight.map((value) => value / 2 + block)),
      out,
    )
    const trained = Decoder.open(out, { threads: 1 })
    rewriteHuggingFace(smaller, trained)
    assertSame(trained)
    assert.notDeepEqual(trained.baseWeights(1), smaller.baseWeights(1))
  })

  it('is refused where the file holds other weights than the graph', async (context) => {
    const dir = await withSafetensors(context)
    const path = join(dir, 'model.safetensors')
    const name = 'model.layers.3.mlp.up_proj.weight'
    const changed = [...readSafetensors(path).values()].map((tensor) => {
      const bytes = tensorBytes(tensor)
      if (tensor.name === name) bytes[bytes.length - 1] ^= 1
      return { ...tensor, bytes: () => bytes }
    })
    writeSafetensors(path, changed)
    await assert.rejects(shrunk(dir, context), {
      code: 'UNIFORM_NAMES',
      message: /holds nothing that equals .* of block 3/,
    })
  })

  it('is refused where names cannot be told', async (context) => {
    const built = groupQueryDecoder(await temporaryDirectory(context), 'float')
    for (const dir of ['llama-gqa-tied/dynamo', 'llama-gqa-tied/genai'].map((name) =>
      fixturePath(`decoders/${name}`),
    )) {
      assert.throws(() => assertNames(Decoder.open(dir, { threads: 1 })), { code: 'UNIFORM_NAMES' }, dir)
    }
    assert.throws(() => assertNames(Decoder.open(built, { threads: 1 })), { code: 'UNIFORM_NAMES' })
  })
})
