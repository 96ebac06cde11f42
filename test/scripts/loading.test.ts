/** A command's process loads little: it only talks, and only a command that needs the network pays for it. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'

/** Addresses of the modules that a new process has loaded once it has imported these of scripts/. */
function loadedBy(...modules: string[]): string[] {
  const urls = modules.map((path) => import.meta.resolve(`../../scripts/${path}`))
  const program = `
    import { registerHooks } from 'node:module'
    registerHooks({ load: (url, context, next) => (console.log(url), next(url, context)) })
    for (const url of ${JSON.stringify(urls)}) await import(url)`
  return execFileSync(process.execPath, ['--input-type=module', '--eval', program], { encoding: 'utf8' }).split('\n')
}

const HANDLER = /scripts\/.*handler\.ts$/
const NETWORK = /node_modules\/libp2p\//
/** The log, the metrics, and the shapes of events, which only the documents and the tests need. */
const WATCHING =
  /node_modules\/(pino|prom-client|@libp2p\/prometheus-metrics)\/|scripts\/operate\/(log|peer-metrics|event-schema)\.ts$/
const RUNTIME = /node_modules\/onnxruntime-node\//
const HUB = /node_modules\/@huggingface\//

test('the work of a command is loaded when it is run', () => {
  const loaded = loadedBy('program.ts')
  assert.ok(loaded.some((url) => url.endsWith('scripts/commands/prune/index.ts')))
  for (const absent of [HANDLER, NETWORK, RUNTIME, HUB]) {
    assert.deepEqual(
      loaded.filter((url) => absent.test(url)),
      [],
    )
  }
})

test('the process of a prune loads neither the network, nor ONNX Runtime, nor the client of a hub', () => {
  const loaded = loadedBy('program.ts', 'commands/prune/handler.ts')
  for (const absent of [NETWORK, RUNTIME, HUB]) {
    assert.deepEqual(
      loaded.filter((url) => absent.test(url)),
      [],
    )
  }
})

test('the process of a site that nobody watches loads neither a log nor metrics', () => {
  const loaded = loadedBy('program.ts', 'commands/peer/handler.ts')
  assert.ok(loaded.some((url) => url.endsWith('scripts/operate/watched.ts')))
  assert.deepEqual(
    loaded.filter((url) => WATCHING.test(url)),
    [],
  )
})

test('the process of a simulation loads the network', () => {
  assert.ok(loadedBy('commands/simulate/handler.ts').some((url) => NETWORK.test(url)))
})
