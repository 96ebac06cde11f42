#!/usr/bin/env node
// Plain JavaScript that any Node can parse: see node-24.js.
import { existsSync } from 'node:fs'
import { handedOn, refuse } from './node-24.js'

// Before anything can load ONNX Runtime, and for every process that this one starts: see src/runtime/no-telemetry.ts.
process.env.ORT_DISABLE_TELEMETRY = '1'

// A package holds dist/ and no sources. Where there are sources they run, whatever a build has left beside them.
const programs = ['../scripts/main.ts', '../dist/scripts/main.js']
const program = programs.find((path) => existsSync(new URL(path, import.meta.url)))

if (program === undefined) {
  const what = 'this package was packed without its program'
  refuse({ code: 'USAGE_UNBUILT', exit: 2, what, hint: 'Pack it with npm run pack, and install it again.' })
} else if (!handedOn()) await import(program)
