/** Refuses what the sources may not import or call: see rules.ts. Part of `npm run check`. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LAYERS, telemetryFaults, violations } from './rules.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const paths = LAYERS.flatMap((layer) => globSync(`${layer}/**/*.ts`, { cwd: root })).sort()
/** The rules' own test holds what they refuse. */
const tests = globSync('test/**/*.ts', { cwd: root, exclude: ['test/scripts/dev/rules.test.ts'] }).sort()
const found = [
  ...paths.flatMap((path) => violations(path, read(path))),
  ...tests.flatMap((path) => telemetryFaults(path, read(path))),
]
for (const line of found) console.error(line)
if (found.length > 0) process.exitCode = 1
else console.log(`Imports of ${paths.length} files run one way: ${[...LAYERS].reverse().join(' -> ')}.`)
