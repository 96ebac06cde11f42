import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('./closing-process.ts', import.meta.url))

test('an engine that is closed while its thread is inside ONNX Runtime does not take the process with it', async () => {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ['ignore', 'ignore', 'pipe'] })
  let stderr = ''
  child.stderr.on('data', (chunk) => (stderr += chunk))
  const [code, signal] = await once(child, 'exit')
  assert.deepEqual([code, signal], [0, null], stderr)
})
