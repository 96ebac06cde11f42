import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { Decoder } from '../../../../src/model/forward/decoder.ts'
import { modelHash } from '../../../../src/model/forward/hash.ts'
import { compareWritten, expectedRun, writeModel } from '../../../../src/model/write/write.ts'
import { runPlain } from '../../../../src/runtime/reference-run.ts'
import { contentsOf, hubCache, spreadWeights } from '../../../support/models/linked.ts'
import { mergeDecoder } from '../../../support/models/merged.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath } from '../../../support/shared.ts'

const PLAIN = fixturePath('decoders/llama-gqa-tied/external')
const INSIDE = fixturePath('stories260k')
const IDS = Int32Array.from({ length: 16 }, (_, i) => (i * 31) % 96)
const SAME = { difference: null, notes: [] }
const base = () => undefined

/** A copy of a model with other files, by name. */
async function modelWith(context: TestContext, files: Readonly<Record<string, string>>, from = PLAIN): Promise<string> {
  const dir = join(await temporaryDirectory(context), 'model')
  cpSync(from, dir, { recursive: true })
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true })
    writeFileSync(join(dir, name), text)
  }
  return dir
}

/** Writes the model as it is beside its directory, and returns where. */
function written(dir: string, done?: string): string {
  const out = join(dirname(dir), `written-${dir.split('/').at(-1)}`)
  rmSync(out, { recursive: true, force: true })
  writeModel(Decoder.open(dir), base, out, { done })
  return out
}

const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'))

describe('the files written beside a model', () => {
  it('are the same from a Hugging Face cache as from a plain directory, and each verifies with both', async (context) => {
    const files = { 'README.md': '# card', LICENSE: 'MIT', 'chat_template.jinja': '{{ x }}' }
    const plain = await modelWith(context, files)
    const cache = hubCache(plain, dirname(plain))
    const [ofPlain, ofCache] = [contentsOf(written(plain)), contentsOf(written(cache))]
    assert.deepEqual(ofCache, ofPlain)
    const places = [...contentsOf(plain).keys()].map((name) => name.replace(/^model\.onnx/, 'onnx/model.onnx'))
    assert.deepEqual([...ofPlain.keys()].sort(), [...places, 'genai_config.json'].sort())
    for (const [name, text] of Object.entries(files)) assert.equal(String(ofCache.get(name)), text)
    for (const dir of [plain, cache]) {
      for (const out of [written(plain), written(cache)])
        assert.deepEqual(compareWritten(Decoder.open(dir), base, out), SAME)
    }
  })

  it('are compared wherever graph and weights lie, and under any of their names', async (context) => {
    const plain = await modelWith(context, {})
    const merged = join(dirname(plain), 'merged')
    cpSync(plain, merged, { recursive: true })
    renameSync(join(merged, 'model.onnx'), join(merged, 'decoder_model_merged.onnx'))
    const inner = join(dirname(plain), 'inner')
    cpSync(plain, inner, { recursive: true })
    mkdirSync(join(inner, 'onnx'))
    for (const name of ['model.onnx', 'model.onnx_data']) renameSync(join(inner, name), join(inner, 'onnx', name))
    const bases = [plain, merged, inner]
    const hashes = new Set(bases.map((dir) => Buffer.from(modelHash(Decoder.open(dir))).toString('hex')))
    assert.equal(hashes.size, 1)
    for (const dir of bases) {
      for (const out of bases.map((each) => written(each)))
        assert.deepEqual(compareWritten(Decoder.open(dir), base, out), SAME, `${dir} and ${out}`)
    }
    for (const out of bases.map((each) => written(each)))
      assert.deepEqual([...contentsOf(join(out, 'onnx')).keys()], ['model.onnx', 'model.onnx_data'])
  })

  it('are compared in the places that versions before have written to', async (context) => {
    const dir = await modelWith(context, {})
    const out = written(dir)
    for (const name of ['model.onnx', 'model.onnx_data']) renameSync(join(out, 'onnx', name), join(out, name))
    rmSync(join(out, 'genai_config.json'))
    cpSync(join(dir, 'config.json'), join(out, 'config.json'))
    const notes = ["config.json differs from the base's"]
    assert.deepEqual(compareWritten(Decoder.open(dir), base, out), { difference: null, notes })
  })

  it('are noted if they differ, are missing or are more, and decide nothing', async (context) => {
    const dir = await modelWith(context, { LICENSE: 'MIT', 'legal/NOTICE': 'n', 'tokenizer_config.json': '{}' })
    const out = written(dir)
    writeFileSync(join(out, 'LICENSE'), 'MIT, with the year corrected')
    writeFileSync(join(out, 'config.json'), '{}')
    rmSync(join(out, 'legal'), { recursive: true })
    writeFileSync(join(out, 'results.md'), '')
    writeFileSync(join(out, '.DS_Store'), '')
    symlinkSync('nowhere', join(out, 'NOTICE'))
    symlinkSync('nowhere', join(dir, 'AUTHORS'))
    assert.deepEqual(compareWritten(Decoder.open(dir), base, out), {
      difference: null,
      notes: [
        "LICENSE differs from the base's",
        "config.json differs from the base's",
        'legal/NOTICE is missing',
        `${join(dir, 'AUTHORS')} is a link to nowhere, where nothing can be read`,
        `${join(out, 'NOTICE')} is a link to nowhere, where nothing can be read`,
        'genai_config.json does not belong to the graph',
        "results.md is not the base's",
      ],
    })
  })

  it('are a difference if they decide ids or logits', async (context) => {
    const dir = await modelWith(context, {})
    const cases: [string, RegExp, (out: string) => void][] = [
      ['no graph', /holds no model\.onnx/, (out) => rmSync(join(out, 'onnx/model.onnx'))],
      ['no weights', /model\.onnx_data cannot be read/, (out) => rmSync(join(out, 'onnx/model.onnx_data'))],
      ['no tokenizer', /tokenizer\.json is missing/, (out) => rmSync(join(out, 'tokenizer.json'))],
      ['another tokenizer', /tokenizer\.json differs/, (out) => writeFileSync(join(out, 'tokenizer.json'), '{}')],
      ['a damaged graph', /is not a readable ONNX file/, (out) => writeFileSync(join(out, 'onnx/model.onnx'), 'x')],
      [
        'weights for others',
        /model\.safetensors is a graph/,
        (out) => writeFileSync(join(out, 'model.safetensors'), ''),
      ],
      ['another graph', /model_int8\.onnx is a graph/, (out) => writeFileSync(join(out, 'model_int8.onnx'), '')],
      [
        'a link to nowhere for the graph',
        /is a link to nowhere/,
        (out) => {
          rmSync(join(out, 'onnx/model.onnx'))
          symlinkSync('nowhere', join(out, 'onnx/model.onnx'))
        },
      ],
      [
        'weights that are cut short',
        /ends at byte|differs/,
        (out) => {
          const weights = join(out, 'onnx/model.onnx_data')
          writeFileSync(weights, readFileSync(weights).subarray(1))
        },
      ],
    ]
    for (const [name, says, change] of cases) {
      const out = written(dir)
      change(out)
      assert.match(compareWritten(Decoder.open(dir), base, out).difference ?? '', says, name)
    }
  })
})

describe('weights beside a written graph', () => {
  it('lie in one file that is named after the graph, whatever files the base has', async (context) => {
    const spreads: [string, (name: string, k: number) => string][] = [
      ['two files', (_, k) => `model.onnx_data${k % 2 === 0 ? '' : '_1'}`],
      ['a file a tensor', (name) => name],
      ['a file of an odd name', () => 'weights.bin'],
    ]
    for (const [name, fileOf] of spreads) {
      const dir = await modelWith(context, {}, INSIDE)
      rmSync(join(dir, 'model.onnx'))
      const names = spreadWeights(join(INSIDE, 'model.onnx'), join(dir, 'onnx', 'model.onnx'), (tensor, k) =>
        fileOf(tensor.name, k),
      )
      const decoder = Decoder.open(dir)
      assert.deepEqual(decoder.model.externalFiles, names, name)
      const out = written(dir)
      assert.deepEqual(Decoder.open(out).model.externalFiles, ['model.onnx_data'], name)
      assert.deepEqual(contentsOf(join(out, 'onnx')).size, 2, name)
      assert.deepEqual(compareWritten(decoder, base, out), SAME, name)
      assert.equal(await runPlain({ ...(await expectedRun(decoder, base, out, IDS)), threads: 1 }), 0, name)
      await decoder.close()
    }
  })

  it('lie where config.json says: transformers.js, ONNX Runtime GenAI, Optimum', async (context) => {
    const js = (config: unknown) =>
      JSON.stringify({ ...json(join(PLAIN, 'config.json')), 'transformers.js_config': config })
    const outside = { dtype: 'fp32', use_external_data_format: { 'model.onnx': 1 } }
    for (const [said, also] of [
      [{ use_external_data_format: { 'model.onnx': 2, 'model_fp16.onnx': true } }, {}],
      [{ use_external_data_format: true, dtype: 'q4' }, {}],
      [
        { use_external_data_format: 3, device_config: { wasm: { dtype: 'q8', x: 1 } } },
        { device_config: { wasm: { x: 1 } } },
      ],
      [{}, {}],
    ]) {
      const dir = await modelWith(context, { 'config.json': js({ ...said, kv_cache_dtype: { fp16: 'float16' } }) })
      const { 'transformers.js_config': config, ...rest } = json(join(written(dir), 'config.json'))
      assert.deepEqual(config, { ...outside, ...also, kv_cache_dtype: { fp16: 'float16' } }, JSON.stringify(said))
      assert.deepEqual(rest, json(join(PLAIN, 'config.json')))
      assert.deepEqual(compareWritten(Decoder.open(dir), base, written(dir)), SAME)
    }
    const inside = await modelWith(context, {}, INSIDE)
    const config = json(join(INSIDE, 'config.json'))
    const wrong = {
      ...config,
      'transformers.js_config': { use_external_data_format: true },
      quantization_config: { bits: 4 },
    }
    writeFileSync(join(inside, 'config.json'), JSON.stringify(wrong))
    assert.deepEqual(json(join(written(inside), 'config.json')), {
      ...config,
      'transformers.js_config': { dtype: 'fp32' },
    })

    const genai = (filename: string) => ({ model: { type: 'llama', decoder: { filename, head_size: 16 } } })
    const ort = (external: boolean) => ({ opset: 18, one_external_file: external, use_external_data_format: external })
    const dir = await modelWith(context, {
      'genai_config.json': JSON.stringify(genai('model_q4.onnx')),
      'ort_config.json': JSON.stringify(ort(false)),
    })
    const out = written(dir)
    assert.deepEqual(json(join(out, 'genai_config.json')), genai('onnx/model.onnx'))
    assert.deepEqual(json(join(out, 'ort_config.json')), ort(true))
  })

  it('leave configuration alone that is right, of others, or not understood, byte for byte', async (context) => {
    const right = { 'transformers.js_config': { dtype: 'fp32', use_external_data_format: { 'model.onnx': 1 } } }
    const files = {
      'config.json': `${JSON.stringify({ ...json(join(PLAIN, 'config.json')), ...right }, null, 7)}\n\n`,
      'genai_config.json': '{"model": {"decoder": {"filename": "./onnx/model.onnx"}}}',
      'ort_config.json': 'no JSON',
      'vision/config.json': '{"quantization_config": {"bits": 4}}',
      'generation_config.json': '{"use_external_data_format": true}',
    }
    const out = written(await modelWith(context, files))
    for (const [name, text] of Object.entries(files)) assert.equal(readFileSync(join(out, name), 'utf8'), text, name)
    const odd = { ...json(join(PLAIN, 'config.json')), 'transformers.js_config': [true] }
    const dir = await modelWith(context, { 'config.json': JSON.stringify(odd) })
    assert.deepEqual(json(join(written(dir), 'config.json')), odd)
  })
})

describe('the model card', () => {
  const DONE = 'In every layer of the blocks 50 % of the weights were made zero (Wanda).'
  const HEADING = '# Made smaller or sparser with Coppice'
  const cardIn = (out: string, name = 'README.md') => readFileSync(join(out, name), 'utf8')

  it("says what was done above the base's card, whose body stays byte for byte", async (context) => {
    for (const [front, body] of [
      ['', '# A model\n\nGood.'],
      ['---\nlicense: mit\ntags:\n- x\n---\n', '\n# A model\r\n'],
      ['\ufeff---\r\nlicense: mit\r\n---\r\n', 'Grüße\n---\nmore\n'],
      ['---\nlicense: mit\n---', ''],
    ]) {
      const dir = await modelWith(context, { 'README.md': front + body })
      const out = written(dir, DONE)
      const card = cardIn(out)
      assert.match(card, new RegExp(`^---\n[^]*\n---\n\n${HEADING}\n\nIn every `))
      assert.ok(card.endsWith(body), card)
      assert.equal(card.includes('# Model card of the base'), body !== '')
      assert.equal(/^license: mit$/m.test(card), front !== '')
      assert.deepEqual(compareWritten(Decoder.open(dir), base, out), SAME)
      writeFileSync(join(out, 'README.md'), 'another')
      const notes = body === '' ? [] : ["README.md differs from the base's"]
      assert.deepEqual(compareWritten(Decoder.open(dir), base, out).notes, notes)
    }
  })

  it('is made where the base has none, and verifies; a README that lies deeper is none', async (context) => {
    const dir = await modelWith(context, { 'code/README.md': '# code', 'LICENSE.txt': 'terms' })
    const out = written(dir, DONE)
    assert.equal(cardIn(out, 'code/README.md'), '# code')
    assert.match(cardIn(out), /^license: other\nlicense_link: LICENSE\.txt$/m)
    assert.deepEqual(compareWritten(Decoder.open(dir), base, out), SAME)
    assert.ok(!existsSync(join(written(dir), 'README.md'))) // where nothing was done, nothing is said
  })

  it('names the base by its place in the cache of the Hub, or by config.json, and by no other path', async (context) => {
    const config = (name: unknown) => JSON.stringify({ ...json(join(PLAIN, 'config.json')), _name_or_path: name })
    const root = await temporaryDirectory(context)
    const snapshot = join(root, 'models--some-owner--a.name', 'snapshots', 'f'.repeat(40))
    cpSync(PLAIN, snapshot, { recursive: true })
    for (const [dir, name] of [
      [snapshot, 'some-owner/a.name'],
      [await modelWith(context, { 'config.json': config('owner/name') }), 'owner/name'],
      [await modelWith(context, { 'config.json': config('/srv/clinic/models/x') }), null],
      [await modelWith(context, { 'config.json': config('../name') }), null],
      [await modelWith(context, { 'config.json': config('a/b\n# x') }), null],
      [await modelWith(context, {}), null],
    ] as const) {
      const card = cardIn(written(dir, DONE))
      assert.equal(/^base_model: (.*)$/m.exec(card)?.[1] ?? null, name)
      assert.ok(!card.includes(dirname(dir)))
    }
  })

  it('says which programs load the model, and why another does not', async (context) => {
    const card = cardIn(written(await modelWith(context, {}), DONE))
    assert.match(card, /in ONNX Runtime, transformers\.js, Optimum, and ONNX Runtime GenAI\.\n/)
    const merged = mergeDecoder(
      fixturePath('decoders/gpt2/optimum-past'),
      join(await temporaryDirectory(context), 'm'),
      'outer',
    )
    assert.match(cardIn(written(merged, DONE)), /GenAI does not run it: the graph wants the input use\\_cache\\_branch/)
    const open = cardIn(written(await modelWith(context, {}, fixturePath('decoders/llama-gqa-tied/genai')), DONE))
    assert.match(
      open,
      /Optimum, and ONNX Runtime GenAI\. transformers\.js does not run it: the graph leaves open how many/,
    )
    assert.ok(!open.includes('```js'))
    const none = cardIn(written(await modelWith(context, {}, fixturePath('decoders/llama-gqa-tied/dynamo')), DONE))
    assert.match(none, /in ONNX Runtime\. transformers\.js does not run it: the graph takes no keys and values/)
  })
})
