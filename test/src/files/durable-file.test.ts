import assert from 'node:assert/strict'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { writeAll, writeDurably } from '../../../src/files/durable-file.ts'
import { temporaryDirectory } from '../../support/nodes.ts'

test('a file holds all written pieces in order, and replaces an earlier one', async (context) => {
  const directory = await temporaryDirectory(context)
  const path = join(directory, 'file')
  await writeDurably(path, Uint8Array.of(9, 9, 9, 9))
  await writeAll(path, [Uint16Array.of(0x0201).subarray(0, 1), Uint8Array.of(7, 3, 4).subarray(1)])
  assert.deepEqual([...(await readFile(path))], [1, 2, 3, 4])
  assert.deepEqual(await readdir(directory), ['file'])
})

test('a write that fails leaves neither half a file nor a temporary one', async (context) => {
  const directory = await temporaryDirectory(context)
  await mkdir(join(directory, 'taken'))
  await assert.rejects(writeDurably(join(directory, 'taken'), Uint8Array.of(1)), { exit: 8 })
  await assert.rejects(writeDurably(join(directory, 'missing', 'file'), Uint8Array.of(1)), { exit: 8 })
  assert.deepEqual(await readdir(directory), ['taken'])
})
