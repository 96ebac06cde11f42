import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { assertFree } from '../../../peers/disk/free-directory.ts'
import { OutputDirectory, writePage, writeReport } from '../../../scripts/common/output-directory.ts'
import type { Terminal } from '../../../scripts/terminal/terminal.ts'
import { OutputError } from '../../../src/base/errors.ts'

const root = mkdtempSync(join(tmpdir(), 'coppice-test-'))
after(() => rmSync(root, { recursive: true, force: true }))

const refuses = (code: string) => (error: unknown) => error instanceof OutputError && error.code === code

describe('an output directory', () => {
  it('shows the written files only once they are whole', async () => {
    const path = join(root, 'whole')
    await using output = await OutputDirectory.reserve(path)
    writeFileSync(join(output.scratch, 'half'), 'x')
    await writeReport(output.staging, { a: 1 })
    assert.ok(!existsSync(join(path, 'report.json')))
    await output.commit()
    assert.deepEqual(readdirSync(path), ['report.json'])
    assert.match(
      readFileSync(join(path, 'report.json'), 'utf8'),
      /^\{\n {2}"a": 1,\n {2}"digest": "[0-9a-f]{64}"\n\}\n$/,
    )
  })

  it('leaves nothing behind where the work failed', async () => {
    {
      await using output = await OutputDirectory.reserve(join(root, 'deep', 'failed'))
      writeFileSync(join(output.staging, 'half'), 'x')
    }
    assert.ok(!existsSync(join(root, 'deep')))
  })

  it('leaves a directory that was there, empty as it was', async () => {
    const path = join(root, 'there')
    mkdirSync(path)
    {
      await using output = await OutputDirectory.reserve(path)
      writeFileSync(join(output.staging, 'half'), 'x')
    }
    assert.deepEqual(readdirSync(path), [])
  })

  it('must be empty or absent', async () => {
    const path = join(root, 'full')
    mkdirSync(path)
    writeFileSync(join(path, 'mine'), 'x')
    await assert.rejects(OutputDirectory.reserve(path), refuses('OUTPUT_NOT_EMPTY'))
    await assert.rejects(assertFree(path), refuses('OUTPUT_NOT_EMPTY'))
    await assertFree(path, 'mine')
    assert.deepEqual(readdirSync(path), ['mine'])
  })

  it('must be a directory', async () => {
    const path = join(root, 'file')
    writeFileSync(path, 'x')
    await assert.rejects(OutputDirectory.reserve(path), refuses('OUTPUT_UNWRITABLE'))
    await assert.rejects(OutputDirectory.reserve(join(path, 'below')), refuses('OUTPUT_UNWRITABLE'))
  })

  it('without a name takes the first that is free', async () => {
    const parent = join(root, 'parent')
    for (const expected of ['0a1b2c3d', '0a1b2c3d-2', '0a1b2c3d-3']) {
      await using output = await OutputDirectory.unnamed(parent)
      await output.claim('0a1b2c3d')
      assert.equal(output.path, join(parent, expected))
      await writeReport(output.staging, {})
      await output.commit()
    }
    assert.deepEqual(readdirSync(parent).sort(), ['0a1b2c3d', '0a1b2c3d-2', '0a1b2c3d-3'])
  })

  it('gives a claimed name back where the work failed', async () => {
    {
      await using output = await OutputDirectory.unnamed(join(root, 'other'))
      await output.claim('0a1b2c3d')
    }
    assert.ok(!existsSync(join(root, 'other')))
  })
})

describe('an output directory that can be taken over', () => {
  const worthKeeping = (scratch: string) => existsSync(join(scratch, 'block'))
  const reserve = (path: string) => OutputDirectory.reserve(path, { worthKeeping })

  it('keeps scratch that is worth it, and nothing else, where the work failed', async () => {
    const path = join(root, 'kept')
    for (const turn of [0, 1]) {
      await using output = await reserve(path)
      assert.deepEqual(readdirSync(output.staging), [], `turn ${turn}`)
      writeFileSync(join(output.staging, 'half'), 'x')
      writeFileSync(join(output.scratch, 'block'), 'x')
    }
    assert.deepEqual(readdirSync(path), ['.unfinished'])
    assert.deepEqual(readdirSync(join(path, '.unfinished')), ['block'])
    await using output = await reserve(path)
    writeFileSync(join(output.staging, 'result'), 'x')
    await output.commit()
    assert.deepEqual(readdirSync(path), ['result'])
  })

  it('leaves nothing where no scratch is worth keeping', async () => {
    {
      await using output = await reserve(join(root, 'deeper', 'nothing'))
      writeFileSync(join(output.scratch, 'other'), 'x')
    }
    assert.ok(!existsSync(join(root, 'deeper')))
  })

  it('takes over the files of a killed command, even one killed in the middle of its end', async () => {
    const path = join(root, 'killed')
    mkdirSync(join(path, '.partial'), { recursive: true })
    mkdirSync(join(path, '.unfinished'))
    writeFileSync(join(path, '.partial', 'half'), 'x')
    writeFileSync(join(path, '.unfinished', 'block'), 'x')
    writeFileSync(join(path, '.unfinished', 'lock'), '4194305\n') // no process has such a number
    writeFileSync(join(path, '.unfinished', 'moving.json'), '["config.json","model.onnx"]')
    writeFileSync(join(path, 'config.json'), 'x')
    await using output = await reserve(path)
    assert.deepEqual(readdirSync(path).sort(), ['.partial', '.unfinished'])
    assert.deepEqual(readdirSync(output.staging), [])
    assert.deepEqual(readdirSync(output.scratch).sort(), ['block', 'lock'])
  })

  it('is one command at a time', async () => {
    const path = join(root, 'locked')
    await using output = await reserve(path)
    await assert.rejects(reserve(path), refuses('OUTPUT_LOCKED'))
    writeFileSync(join(output.staging, 'result'), 'x')
    await output.commit()
    assert.deepEqual(readdirSync(path), ['result'])
    await assert.rejects(reserve(path), refuses('OUTPUT_NOT_EMPTY'))
  })

  it('holds nothing else', async () => {
    const path = join(root, 'mixed')
    mkdirSync(join(path, '.unfinished'), { recursive: true })
    writeFileSync(join(path, 'mine'), 'x')
    await assert.rejects(reserve(path), refuses('OUTPUT_NOT_EMPTY'))
    assert.deepEqual(readdirSync(path).sort(), ['.unfinished', 'mine'])
  })

  it('goes on without a page that cannot be drawn, and says so', async () => {
    const directory = join(root, 'undrawn')
    mkdirSync(directory)
    const notes: string[] = []
    const terminal = { note: (text: string) => void notes.push(text) } as unknown as Terminal
    const page = await writePage({ terminal }, directory, () => {
      throw new RangeError('no colour for 17 sites')
    })
    assert.equal(page, null)
    assert.deepEqual(readdirSync(directory), [])
    assert.deepEqual(notes, [
      'report.html is not written, because of a bug: RangeError: no colour for 17 sites. Everything else is.',
    ])
  })
})
