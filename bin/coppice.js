#!/usr/bin/env node
// Plain JavaScript that any Node can parse: see node-24.js.
import { existsSync } from 'node:fs'
import { handedOn } from './node-24.js'

// Before anything can load ONNX Runtime, and for every process that this one starts: see src/runtime/no-telemetry.ts.
process.env.ORT_DISABLE_TELEMETRY = '1'

if (!handedOn()) {
  const built = existsSync(new URL('../dist/scripts/main.js', import.meta.url))
  await import(built ? '../dist/scripts/main.js' : '../scripts/main.ts')
}
