// Plain JavaScript that any Node can parse. The sources need Node 24; an older one runs its command line again under
// it.
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'

const NEEDED = 24
const path = (name) => fileURLToPath(new URL(`../${name}`, import.meta.url))
/** Lists Node's packages by platform. It is in the repository, not in the package. */
const NODES = path('scripts/dev/node/package.json')

/** Returns whether this process is too old: another one then has the command line, or the refusal was printed. */
export function handedOn() {
  const { node: version } = process.versions
  if (Number(version.split('.')[0]) >= NEEDED) return false
  const node = installedNode()
  if (node === undefined) {
    const what = `Node ${version} is too old, ${NEEDED} is needed`
    const orElse = existsSync(NODES) ? `, or run npm ci in ${path('')}` : ' or newer.'
    refuse({ code: 'USAGE_NODE', exit: 2, what, hint: `Install Node ${NEEDED}${orElse}` })
  } else runUnder(node)
  return true
}

/** Prints a refusal as scripts/terminal/refusal.ts does. */
export function refuse(error) {
  console.error(`coppice: ${error.what} (${error.code})\n${error.hint}`)
  if (process.argv.includes('--json')) console.log(JSON.stringify({ error }))
  process.exitCode = error.exit
}

/** The Node among this repository's packages, of which npm installs the one for this platform. */
function installedNode() {
  if (!existsSync(NODES)) return undefined
  const file = process.platform === 'win32' ? 'bin/node.exe' : 'bin/node'
  return Object.keys(JSON.parse(readFileSync(NODES, 'utf8')).optionalDependencies)
    .map((name) => path(`node_modules/${name}/${file}`))
    .find((program) => existsSync(program))
}

function runUnder(node) {
  const child = spawn(node, [...process.execArgv, ...process.argv.slice(1)], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]))
}
