/**
 * Runs the tests with Node's own runner: test/**\/*.test.ts, or with --soak test/**\/*.soak.ts, which take long and
 * are therefore apart. Any other argument keeps only the files whose path contains it.
 */
import '../../src/runtime/no-telemetry.ts'
import { spawn } from 'node:child_process'
import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** ONNX Runtime takes two threads by itself, so more files at once than two cores would only wait for each other. */
const CONCURRENCY = 2
/** A test that hangs should say which one it is before a CI machine gives up on the whole run. */
const TIMEOUT_MS = 300_000
const SOAK_TIMEOUT_MS = 3_600_000

const root = fileURLToPath(new URL('../../', import.meta.url))
const soak = process.argv.includes('--soak')
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
const files = globSync(soak ? 'test/**/*.soak.ts' : 'test/**/*.test.ts', { cwd: root })
  .filter((path) => wanted.length === 0 || wanted.some((part) => path.includes(part)))
  .sort()

if (files.length === 0) {
  console.error(`no ${soak ? 'soak ' : ''}test file matches ${wanted.join(', ') || 'test/'}`)
  process.exit(1)
}
const options = [
  '--test',
  '--test-reporter=spec',
  `--test-concurrency=${soak ? 1 : CONCURRENCY}`,
  `--test-timeout=${soak ? SOAK_TIMEOUT_MS : TIMEOUT_MS}`,
]
const runner = spawn(process.execPath, [...options, ...files], { cwd: root, stdio: 'inherit' })
runner.on('exit', (code) => process.exit(code ?? 1))
