#!/usr/bin/env node
// Plain JavaScript that any Node can parse: an older one runs the command again under the Node 24 of the package `node`.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url))
const node = path('node_modules/node/bin/node')
if (Number(process.versions.node.split('.')[0]) >= 24) {
  await import(existsSync(path('dist/scripts/main.js')) ? '../dist/scripts/main.js' : '../scripts/main.ts')
} else if (existsSync(node)) {
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
} else {
  const what = `Node ${process.versions.node} is too old, 24 is needed`
  const refusal = { code: 'USAGE_NODE', exit: 2, what, hint: `Install Node 24, or run npm ci in ${path('')}` }
  console.error(`coppice: ${what} (${refusal.code})\n${refusal.hint}`)
  if (process.argv.includes('--json')) console.log(JSON.stringify({ error: refusal }))
  process.exitCode = 2
}
