import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { assertFree } from '../../peers/free-directory.ts'
import { OutputDirectory, writeReport } from '../../scripts/output-directory.ts'
import { OutputError } from '../../src/errors.ts'

const root = mkdtempSync(join(tmpdir(), 'coppice-test-'))
after(() => rmSync(root, { recursive: true, force: true }))

const refuses = (code: string) => (error: unknown) => error instanceof OutputError && error.code === code

describe('an output directory', () => {
  it('shows what was written only once it is whole', async () => {
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
