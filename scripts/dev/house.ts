/** Refuses sources that break a rule of the house: see rules.ts. Part of `npm run check`. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  circles,
  crowdedFolders,
  LAYERS,
  lonelyExports,
  ROOMS,
  telemetryFaults,
  violations,
  wideComments,
} from './rules.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const read = (path: string) => readFileSync(join(root, path), 'utf8')
const paths = LAYERS.flatMap((layer) => globSync(`${layer}/**/*.ts`, { cwd: root, exclude: ['**/generated/**'] }))
const sources = new Map(paths.sort().map((path) => [path, read(path)]))
const testPaths = globSync('test/**/*.ts', { cwd: root }).sort()
const tests = new Map(testPaths.map((path) => [path, read(path)]))
/** This test contains text that the rules refuse. */
const OWN_TEST = 'test/scripts/dev/rules.test.ts'
const found = [
  ...[...sources].flatMap(([path, source]) => violations(path, source)),
  ...[...tests].flatMap(([path, source]) =>
    path === OWN_TEST ? [] : [...telemetryFaults(path, source), ...wideComments(path, source)],
  ),
  ...circles(sources),
  ...crowdedFolders(paths),
  ...crowdedFolders(testPaths),
  ...lonelyExports(new Map([...sources, ...tests])),
]
for (const line of found) console.error(line)
if (found.length > 0) process.exitCode = 1
else {
  console.log(`${sources.size} files import one way: ${[...LAYERS].reverse().join(' -> ')}.`)
  console.log(`Floors of src: ${ROOMS.join(' < ')}.`)
}
