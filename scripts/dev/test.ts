/**
 * Runs the tests with Node's own runner: test/**\/*.test.ts, or with --soak test/**\/*.soak.ts, which take long and are
 * therefore apart. Any other argument keeps only the files whose path contains it.
 */
import '../../src/runtime/no-telemetry.ts'
import { spawn, spawnSync } from 'node:child_process'
import { globSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { COLLECTOR } from '../../src/engine/workers.ts'

/**
 * The number of test files that run at once: one more than there are cores, since many wait for processes and timers
 * (two took 601 s, three 549 s, on two cores).
 */
const CONCURRENCY = 3
/** The time limit of a test: a test that hangs should be named before a CI machine gives up on the whole run. */
const TIMEOUT_MS = 300_000
const SOAK_TIMEOUT_MS = 3 * 3_600_000

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
const env = { ...process.env, NODE_COMPILE_CACHE: join(root, 'node_modules', '.cache', 'coppice-compiled') }
keepCompiled()
const options = [
  '--test',
  '--test-reporter=spec',
  `--test-concurrency=${soak ? 1 : CONCURRENCY}`,
  `--test-timeout=${soak ? SOAK_TIMEOUT_MS : TIMEOUT_MS}`,
]
const runner = spawn(process.execPath, [...options, ...files], { cwd: root, stdio: 'inherit', env })
runner.on('exit', (code) => process.exit(code ?? 1))

/**
 * Makes Node keep the compiled sources for all processes that the tests start: this saves half a second of work in each
 * of some thousand. Node writes them when a process ends by itself, which the engine's processes never do; so they are
 * loaded here once. Node keeps them apart by V8's options, and the engine's processes have some.
 */
function keepCompiled(): void {
  const commands = globSync(['scripts/program.ts', 'scripts/commands/*/handler.ts'], { cwd: root })
  const processes = globSync(['src/jobs/worker.ts', 'src/**/*-process.ts'], { cwd: root })
  for (const [flags, entries] of [
    [[], [...commands, ...processes]],
    [COLLECTOR, processes],
  ] as const) {
    const urls = entries.map((entry) => pathToFileURL(join(root, entry)).href)
    const program = `for (const url of ${JSON.stringify(urls)}) await import(url); process.exit()`
    spawnSync(process.execPath, [...flags, '--input-type=module', '--eval', program], { env })
  }
}
