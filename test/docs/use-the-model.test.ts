/**
 * The examples of docs/how-to/use-the-model.md, run as they stand on a written model. They need programs that are not
 * installed with this package: PYTHON names a Python that has them (default: python3), TRANSFORMERS_JS a folder in
 * which @huggingface/transformers was installed. An example whose program is missing is skipped; the layout that the
 * programs look for is checked always.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { EMBEDDED_MODEL, PACKAGE_ROOT } from '../../scripts/paths.ts'
import { Decoder } from '../../src/model/forward/decoder.ts'
import { writeModel } from '../../src/model/write/write.ts'

const PYTHON = process.env.PYTHON ?? 'python3'
const NODE_MODULES = join(process.env.TRANSFORMERS_JS ?? PACKAGE_ROOT, 'node_modules')
const PROMPT = 'The people of the United States'

const scratch = mkdtempSync(join(tmpdir(), 'coppice-test-'))
after(() => rmSync(scratch, { recursive: true, force: true }))
const model = join(scratch, 'pruned')
const zeros = (rows: Float32Array) => rows.map((weight, i) => (i % 16 === 0 ? 0 : weight))
const decoder = Decoder.open(EMBEDDED_MODEL, { threads: 1 })
writeModel(decoder, (block) => decoder.baseWeights(block).map(zeros), model)
after(() => decoder.close())

interface Example {
  title: string
  language: string
  code: string
}

const PAGE = readFileSync(join(PACKAGE_ROOT, 'docs/how-to/use-the-model.md'), 'utf8')
const EXAMPLES = PAGE.split(/^## /m).flatMap((section): Example[] => {
  const [, language, code] = /^```(python|js)\n(.*?)^```/ms.exec(section) ?? []
  return code === undefined ? [] : [{ title: section.split('\n')[0], language, code }]
})

/** The output of the examples, by their titles: all continue one text. */
const told = new Map<string, string>()

describe('a written model, used as docs/how-to/use-the-model.md says', () => {
  it('lies where transformers.js, Optimum and ONNX Runtime GenAI look for it', () => {
    const json = (name: string) => JSON.parse(readFileSync(join(model, name), 'utf8'))
    const { decoder: genai } = json('genai_config.json').model
    const { dtype, use_external_data_format: outside } = json('config.json')['transformers.js_config']
    assert.ok(existsSync(join(model, 'onnx/model.onnx')))
    assert.equal(genai.filename, 'onnx/model.onnx')
    assert.equal(dtype, 'fp32') // the graph without a suffix
    assert.equal(outside !== undefined, existsSync(join(model, 'onnx/model.onnx_data')))
    for (const name of ['tokenizer.json', 'tokenizer_config.json']) assert.ok(existsSync(join(model, name)), name)
  })

  it('has an example for each of four programs', () => {
    assert.deepEqual(
      EXAMPLES.map(({ title }) => title),
      ['ONNX Runtime in Python', 'transformers.js', 'Optimum', 'ONNX Runtime GenAI'],
    )
  })

  for (const example of EXAMPLES) {
    const lacks = missing(example)
    it(`continues a text: ${example.title}`, { skip: lacks === null ? false : `not installed here: ${lacks}` }, () => {
      const text = run(example)
      assert.ok(text.startsWith(PROMPT) && text.length > PROMPT.length + 12, text)
      told.set(example.title, text)
    })
  }

  it('gives the same text everywhere', (context) => {
    if (told.size < 2) return context.skip('fewer than two of the programs are installed here')
    assert.equal(new Set(told.values()).size, 1, JSON.stringify([...told]))
  })
})

/** The packages that an example imports and that are not installed; null if none is missing. */
function missing({ language, code }: Example): string | null {
  if (language === 'js') return existsSync(join(NODE_MODULES, '@huggingface/transformers')) ? null : 'transformers.js'
  const packages = [...code.matchAll(/^(?:import|from) (\w+)/gm)].map(([, name]) => name)
  const find = `import importlib.util, sys; print(*[n for n in sys.argv[1:] if importlib.util.find_spec(n) is None])`
  const { status, stdout } = spawnSync(PYTHON, ['-c', find, ...packages], { encoding: 'utf8' })
  return status === 0 ? stdout.trim() || null : PYTHON
}

/** The output of an example. */
function run({ language, code }: Example): string {
  const file = join(scratch, language === 'js' ? 'example.mjs' : 'example.py')
  writeFileSync(file, code)
  const modules = join(scratch, 'node_modules')
  if (language === 'js' && !existsSync(modules)) symlinkSync(NODE_MODULES, modules)
  const program = language === 'js' ? process.execPath : PYTHON
  const { status, stderr, stdout } = spawnSync(program, [file], { cwd: scratch, encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return stdout.trim()
}
