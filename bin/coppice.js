#!/usr/bin/env node
// Plain JavaScript that any Node can parse: an older one runs the command again under the Node 24 that npm ci installs.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

// Before anything can load ONNX Runtime, and for every process that this one starts: see src/model/no-telemetry.ts.
process.env.ORT_DISABLE_TELEMETRY = '1'

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url))
if (Number(process.versions.node.split('.')[0]) >= 24) {
  await import(existsSync(path('dist/scripts/main.js')) ? '../dist/scripts/main.js' : '../scripts/main.ts')
} else {
  const node = installedNode()
  if (node !== undefined) runUnder(node)
  else {
    console.error(
      `coppice: Node ${process.versions.node} is too old, 24 is needed\nInstall Node 24, or run npm ci in ${path('')}`,
    )
    process.exitCode = 2
  }
}

/** The Node 24 among this repository's packages, of which npm installs the one for this platform. */
function installedNode() {
  const list = path('scripts/dev/node/package.json')
  if (!existsSync(list)) return undefined
  const file = process.platform === 'win32' ? 'bin/node.exe' : 'bin/node'
  return Object.keys(JSON.parse(readFileSync(list, 'utf8')).optionalDependencies)
    .map((name) => path(`node_modules/${name}/${file}`))
    .find((program) => existsSync(program))
}

function runUnder(node) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
}
