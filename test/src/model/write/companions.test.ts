import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, cpSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { modelHash } from '../../../../src/model/forward/hash.ts'
import { openModelDirectory } from '../../../../src/model/graph/directory.ts'
import { companionsOf, MAX_COMPANION_BYTES, MAX_ENTRIES } from '../../../../src/model/write/companions.ts'
import { readOnnx } from '../../../../src/onnx/read.ts'
import { graphBytes, writeOnnx } from '../../../../src/onnx/write.ts'
import { hubCache, spreadWeights } from '../../../support/models/linked.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath } from '../../../support/shared.ts'

const PLAIN = fixturePath('decoders/llama-gqa-tied/external')
/** Its companions. */
const OWN = ['config.json', 'tokenizer.json', 'tokenizer_config.json']

/** A copy of the model with more files, by name. */
async function modelWith(context: TestContext, files: Readonly<Record<string, string>> = {}): Promise<string> {
  const dir = join(await temporaryDirectory(context), 'model')
  cpSync(PLAIN, dir, { recursive: true })
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), text)
  }
  return dir
}

/** The files that come along besides the model's own, and those that are left, by name. */
function listed(dir: string, apart: readonly string[] = []): { along: string[]; left: Record<string, string> } {
  const { files, left } = companionsOf(Decoder.open(dir), apart)
  for (const name of OWN) assert.ok(files.includes(name), name)
  return {
    along: files.filter((name) => !OWN.includes(name)),
    left: Object.fromEntries(left.map(({ name, why }) => [name, why])),
  }
}

describe('the files beside a model', () => {
  it('are all that is in the directory, at any depth and under any name', async (context) => {
    const names = [
      ...['LICENSE.rst', 'LICENSES/MIT.txt', 'README.md', 'USE_POLICY.md', 'additional_chat_templates/tool.jinja'],
      ...['chat_template.jinja', 'held.json', 'modeling_x.py', 'onnx/preprocessor_config.json', 'qwen.tiktoken'],
      ...['spiece.model', 'vocab.txt', 'with a space/ключ.yaml'],
    ]
    const dir = await modelWith(context, Object.fromEntries(names.map((name) => [name, name])))
    assert.deepEqual(listed(dir), { along: names, left: {} })
  })

  it('are not weights of any form, other graphs or dot files, which are named', async (context) => {
    const weights = [
      ...['consolidated.00.pth', 'flax_model.msgpack', 'model-00001-of-00002.safetensors', 'model.gguf'],
      ...['model.safetensors.index.json', 'model_int8.onnx', 'onnx/model_q4.onnx', 'onnx/model_q4.onnx_data'],
      ...['onnx/model_q4.onnx_data_1', 'onnx/other.onnx.data', 'openvino_model.xml', 'optimizer.pt'],
      ...['pytorch_model.bin', 'pytorch_model.bin.index.json', 'tf_model.h5'],
    ]
    const dots = ['.DS_Store', '.cache/huggingface/x.json', '.gitattributes']
    const dir = await modelWith(context, Object.fromEntries([...weights, ...dots].map((name) => [name, 'not read'])))
    const left = {
      ...Object.fromEntries(['.DS_Store', '.cache', '.gitattributes'].map((name) => [name, 'dot'])),
      ...Object.fromEntries(weights.map((name) => [name, 'model'])),
    }
    assert.deepEqual(listed(dir), { along: [], left })
  })

  it('are not the weights of the graph itself or of another, whatever these are called', async (context) => {
    const dir = await modelWith(context, { 'notes.txt': '' })
    writeOnnx(readOnnx(join(PLAIN, 'model.onnx')), join(dir, 'decoder_model.onnx'), 'second half')
    const own = spreadWeights(join(PLAIN, 'model.onnx'), join(dir, 'model.onnx'), ({ name }) => name)
    assert.ok(own.length > 5)
    const left = { 'decoder_model.onnx': 'model', 'second half': 'model' }
    assert.deepEqual(listed(dir), { along: ['notes.txt'], left })
  })

  it('may be links to files and to directories; a link to a directory that holds it is left', async (context) => {
    const dir = await modelWith(context, { '../elsewhere/LICENSE': 'MIT', '../elsewhere/more/NOTICE': 'n' })
    symlinkSync('../elsewhere/LICENSE', join(dir, 'LICENSE'))
    symlinkSync('LICENSE', join(dir, 'COPYING'))
    symlinkSync('../elsewhere', join(dir, 'legal'))
    symlinkSync('.', join(dir, 'self'))
    symlinkSync(dirname(dir), join(dirname(dir), 'elsewhere', 'more', 'top'))
    assert.deepEqual(listed(dir), {
      along: ['COPYING', 'LICENSE', 'legal/LICENSE', 'legal/more/NOTICE'],
      left: { 'legal/more/top/elsewhere': 'cycle', 'legal/more/top/model': 'cycle', self: 'cycle' },
    })
  })

  it('is refused by name where a link leads nowhere, or to itself; not where it would be left', async (context) => {
    for (const [link, to] of [
      ['README.md', '../blobs/abc'],
      ['LICENSE', 'LICENSE'],
      ['chat_templates', '/nowhere/at/all'],
    ]) {
      const dir = await modelWith(context)
      symlinkSync('../blobs/def', join(dir, 'pytorch_model.bin'))
      assert.deepEqual(listed(dir).left, { 'pytorch_model.bin': 'model' })
      symlinkSync(to, join(dir, link))
      const message = `${join(dir, link)} is a link to ${to}, where nothing can be read`
      assert.throws(() => listed(dir), { code: 'MODEL_FILE_UNREADABLE', message })
    }
  })

  it('are files: a pipe is named and left', { skip: process.platform === 'win32' && 'no pipes' }, async (context) => {
    const dir = await modelWith(context)
    execFileSync('mkfifo', [join(dir, 'pipe')])
    symlinkSync('/dev/null', join(dir, 'device'))
    assert.deepEqual(listed(dir), { along: [], left: { pipe: 'special', device: 'special' } })
  })

  const skip = process.getuid?.() === 0 && 'root may read everything'
  it('are refused where they may not be read', { skip }, async (context) => {
    const dir = await modelWith(context, { 'LICENSE.txt': '', 'legal/NOTICE': '' })
    for (const name of ['LICENSE.txt', 'legal']) {
      chmodSync(join(dir, name), 0)
      assert.throws(() => listed(dir), { code: 'MODEL_FILE_UNREADABLE', message: new RegExp(name) })
      chmodSync(join(dir, name), 0o700)
    }
  })

  it("are not the user's texts and results, by whatever path", async (context) => {
    const dir = await modelWith(context, { 'mine.txt': '', 'data/more.txt': '', 'out/old.json': '', 'vocab.txt': '' })
    mkdirSync(join(dir, 'coppice-out', '0a1b2c3d'), { recursive: true })
    writeFileSync(join(dir, 'coppice-out', '0a1b2c3d', 'peer.key'), '')
    writeFileSync(join(dir, 'report.html'), '')
    symlinkSync(dir, join(dirname(dir), 'link'))
    const apart = [
      join(dirname(dir), 'link', 'mine.txt'),
      relative('.', join(dir, 'data', 'more.txt')),
      join(dir, 'out'),
    ]
    for (const name of ['north/peer.key', 'result/plan.cbor']) {
      mkdirSync(dirname(join(dir, name)))
      writeFileSync(join(dir, name), '')
    }
    cpSync(PLAIN, join(dir, 'pruned before'), { recursive: true })
    cpSync(PLAIN, join(dir, 'onnx'), { recursive: true })
    const left = {
      'coppice-out': 'results',
      'report.html': 'results',
      north: 'results',
      result: 'results',
      'data/more.txt': 'apart',
      'mine.txt': 'apart',
      out: 'apart',
    }
    const models = { onnx: 'other', 'pruned before': 'other' }
    assert.deepEqual(listed(dir, apart), { along: ['vocab.txt'], left: { ...left, ...models } })
  })

  it('are refused where they are too many or too large, links that fan out included', async (context) => {
    const large = await modelWith(context, { 'train.parquet': '', 'README.md': 'x' })
    truncateSync(join(large, 'train.parquet'), MAX_COMPANION_BYTES)
    assert.throws(() => listed(large), { code: 'MODEL_FILES_MANY', message: /1\.0 GiB .* the most in train\.parquet,/ })
    const fans = await modelWith(context)
    const depth = Math.ceil(Math.log2(MAX_ENTRIES))
    for (let k = 0; k <= depth; k++) {
      mkdirSync(join(fans, '..', `fan-${k}`))
      if (k < depth) for (const name of 'ab') symlinkSync(`../fan-${k + 1}`, join(fans, '..', `fan-${k}`, name))
    }
    symlinkSync('../fan-0', join(fans, 'fan'))
    assert.throws(() => listed(fans), { code: 'MODEL_FILES_MANY', message: /more than 2000 files/ })
  })
})

describe('a model directory of links', () => {
  it('is the same model as one of files, also through a link to it', async (context) => {
    const root = await temporaryDirectory(context)
    const snapshot = hubCache(PLAIN, root)
    symlinkSync(snapshot, join(root, 'model'))
    const hash = modelHash(Decoder.open(PLAIN))
    for (const dir of [snapshot, join(root, 'model')]) {
      assert.deepEqual(modelHash(Decoder.open(dir)), hash)
      assert.deepEqual(companionsOf(Decoder.open(dir)), companionsOf(Decoder.open(PLAIN)))
    }
  })

  it('has its weights beside the graph, or else beside what the graph is a link to', async (context) => {
    const dir = await modelWith(context)
    const far = join(dirname(dir), 'far')
    mkdirSync(far)
    copyFileSync(join(PLAIN, 'model.onnx'), join(far, 'graph'))
    copyFileSync(join(PLAIN, 'model.onnx_data'), join(far, 'model.onnx_data'))
    const other = join(dirname(dir), 'other')
    mkdirSync(other)
    symlinkSync('../far/graph', join(other, 'model.onnx'))
    copyFileSync(join(PLAIN, 'config.json'), join(other, 'config.json'))
    assert.deepEqual(Decoder.open(other).files, [join(other, 'model.onnx'), join(far, 'model.onnx_data')])
    symlinkSync('../model/model.onnx_data', join(other, 'model.onnx_data'))
    assert.deepEqual(
      Decoder.open(other).files.map((path) => basename(dirname(path))),
      ['other', 'other'],
    )
    assert.deepEqual(Decoder.open(other).baseWeights(1), Decoder.open(PLAIN).baseWeights(1))
  })

  it('is refused by the name of a link that leads nowhere, and no other graph is taken instead', async (context) => {
    for (const link of ['model.onnx', 'model.onnx_data', 'config.json', 'tokenizer.json']) {
      const dir = await modelWith(context, { 'model_fp16.onnx': 'another' })
      const moved = join(dirname(dir), 'moved')
      cpSync(dir, moved, { recursive: true, filter: (path) => basename(path) !== link })
      symlinkSync('../blobs/abc', join(moved, link))
      const refusal = { code: 'MODEL_FILE_UNREADABLE', message: new RegExp(`${link} is a link to ../blobs/abc, `) }
      assert.throws(() => modelHash(Decoder.open(moved)), refusal)
    }
    const dir = await modelWith(context)
    rmSync(join(dir, 'model.onnx_data'))
    assert.throws(() => Decoder.open(dir), { code: 'MODEL_DATA_MISSING', message: /model\.onnx_data cannot be read/ })
    assert.throws(() => openModelDirectory('/nowhere'), { code: 'MODEL_MISSING' })
  })

  it('still has no weights outside of it by the name that a graph gives', async (context) => {
    for (const location of ['../secret', '/etc/passwd', 'onnx/../../secret']) {
      const dir = await modelWith(context, { '../secret': 'x' })
      spreadWeights(join(PLAIN, 'model.onnx'), join(dir, 'model.onnx'), () => 'weights')
      const from = join(dir, 'model.onnx')
      const model = readOnnx(from)
      writeFileSync(
        from,
        graphBytes(model, () => location),
      )
      assert.throws(() => Decoder.open(dir), { code: 'MODEL_DATA_PATH' })
    }
  })
})
