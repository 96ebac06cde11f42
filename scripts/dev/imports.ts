/** Refuses what the sources may not import or call: see rules.ts. Part of `npm run check`. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LAYERS, violations } from './rules.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const paths = LAYERS.flatMap((layer) => globSync(`${layer}/**/*.ts`, { cwd: root })).sort()
const found = paths.flatMap((path) => violations(path, readFileSync(join(root, path), 'utf8')))
for (const line of found) console.error(line)
if (found.length > 0) process.exitCode = 1
else console.log(`Imports of ${paths.length} files run one way: ${[...LAYERS].reverse().join(' -> ')}.`)
