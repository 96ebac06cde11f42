// `node scripts/dev/run.js PROGRAM ...`: runs a program of this repository under Node 24, whatever Node npm itself has.
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { handedOn } from '../../bin/node-24.js'

if (!handedOn()) {
  process.argv.splice(1, 1)
  await import(pathToFileURL(resolve(process.argv[1])).href)
}
