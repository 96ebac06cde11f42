import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { gzipSync } from 'node:zlib'
import { openTokenizer } from '../../../src/model/text/tokenizer.ts'
import { instructionRows, promptOf } from '../../../src/recover/instructions.ts'
import { temporaryDirectory } from '../../support/nodes.ts'
import { fixturePath } from '../../support/shared.ts'

const END = 2
const LENGTH = 256
const encoder = await openTokenizer(fixturePath('stories260k'))

const plain = { instruction: 'Name a tree.', output: 'A hazel.' }
const withInput = { instruction: 'Say it shorter.', input: 'To cut a tree back to the ground.', output: 'Coppice.' }

async function fileOf(context: TestContext, ...lines: string[]): Promise<string> {
  const path = join(await temporaryDirectory(context), 'instructions.jsonl')
  await writeFile(path, lines.join('\n'))
  return path
}

describe('instructions', () => {
  it('become rows in which the answer and the end are targets, and nothing else', async (context) => {
    const path = await fileOf(context, JSON.stringify(plain), '', JSON.stringify(withInput))
    const { rows, skipped } = await instructionRows(encoder, path, END, LENGTH)
    assert.deepEqual([rows.count, rows.length, skipped], [2, LENGTH, 0])
    for (const [k, { instruction, input, output }] of [{ input: '', ...plain }, withInput].entries()) {
      const prompt = await encoder.encode([promptOf(instruction, input)])
      const whole = [...(await encoder.encode([promptOf(instruction, input) + output])), END]
      const [ids, targets] = [rows.ids, rows.targets].map((values) => [
        ...values.subarray(k * LENGTH, (k + 1) * LENGTH),
      ])
      assert.deepEqual(ids, [...whole, ...new Array(LENGTH - whole.length).fill(0)])
      assert.deepEqual(
        targets,
        ids.map((_, at) => Number(at >= prompt.length && at < whole.length)),
      )
    }
  })

  it('have prompts in the form of Alpaca', () => {
    assert.equal(
      promptOf('Do it.', ''),
      'Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\nDo it.\n\n### Response:\n',
    )
    assert.equal(
      promptOf('Do it.', 'This.'),
      'Below is an instruction that describes a task, paired with an input that provides further context. Write a response that appropriately completes the request.\n\n### Instruction:\nDo it.\n\n### Input:\nThis.\n\n### Response:\n',
    )
  })

  it('are cut off at the end of a row, and skipped where the prompt fills it', async (context) => {
    const { length: prompt } = await encoder.encode([promptOf(plain.instruction, '')])
    const path = await fileOf(context, JSON.stringify(plain), JSON.stringify(withInput))
    const { rows, skipped } = await instructionRows(encoder, path, END, prompt + 1)
    assert.deepEqual([rows.count, skipped], [1, 1])
    assert.deepEqual([...rows.targets], [...new Array(prompt).fill(0), 1])
    await assert.rejects(instructionRows(encoder, path, END, prompt), { code: 'INSTRUCTIONS_LONG' })
  })

  it('are lines or one array, under any name, packed or not, with or without a byte-order mark', async (context) => {
    const all = [plain, withInput]
    const expected = await instructionRows(
      encoder,
      await fileOf(context, ...all.map((each) => JSON.stringify(each))),
      END,
      LENGTH,
    )
    for (const text of [
      JSON.stringify(all),
      JSON.stringify(all, null, 2).replaceAll('\n', '\r\n'),
      `\ufeff${JSON.stringify(all)}`,
      ` \n${JSON.stringify(plain)}\r\n\r\n${JSON.stringify(withInput)}\r\n`,
    ]) {
      const path = await fileOf(context, text)
      assert.deepEqual(await instructionRows(encoder, path, END, LENGTH), expected)
      await writeFile(`${path}.txt`, gzipSync(text))
      assert.deepEqual(await instructionRows(encoder, `${path}.txt`, END, LENGTH), expected)
    }
  })

  it('are refused with the element that is none', async (context) => {
    const path = await fileOf(context, JSON.stringify([plain, { ...plain, output: '' }]))
    await assert.rejects(instructionRows(encoder, path, END, LENGTH), {
      code: 'INSTRUCTIONS_JSONL',
      message: /^the instructions .*: element 2 has no proper "output"/,
    })
    await assert.rejects(instructionRows(encoder, await fileOf(context, '[]'), END, LENGTH), {
      code: 'INSTRUCTIONS_JSONL',
      message: /hold no instruction/,
    })
    await assert.rejects(instructionRows(encoder, await fileOf(context, '[{"instruction"'), END, LENGTH), {
      code: 'INSTRUCTIONS_JSONL',
      message: /the array is no valid JSON/,
    })
  })

  it('are refused with the line that is none', async (context) => {
    const good = JSON.stringify(plain)
    for (const bad of [
      '{',
      '[]',
      '"text"',
      '{"text": "x"}',
      '{"instruction": "x"}',
      '{"instruction": "x", "output": 3}',
    ]) {
      const path = await fileOf(context, good, bad)
      await assert.rejects(instructionRows(encoder, path, END, LENGTH), {
        code: 'INSTRUCTIONS_JSONL',
        message: /line 2/,
      })
    }
    const empty = await fileOf(context, '')
    await assert.rejects(instructionRows(encoder, empty, END, LENGTH), { code: 'INSTRUCTIONS_JSONL' })
    await assert.rejects(instructionRows(encoder, `${empty}.none`, END, LENGTH), { code: 'TEXT_MISSING' })
  })
})
