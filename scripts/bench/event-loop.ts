/**
 * Whether the event loop only talks: a founder and a joiner as people start them, a process each, with a text of some
 * 5 MB. Prints the longest that each one's loop stood still, by perf_hooks, from its start to its end; loading modules,
 * which is before anything listens, apart.
 *
 *   npm run bench -- event-loop [--model DIR] [--text FILE] [--pruner sparsegpt]
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { askPeer } from '../../peers/status/socket.ts'
import type { Invited } from '../../peers/status/status-book.ts'
import { EMBEDDED_MODEL, PACKAGE_ROOT } from '../paths.ts'
import type { LoopReport } from './preload/event-loop.ts'
import { embeddedText } from './support/text.ts'

/** The longest stall allowed: a longer one affects a neighbour's streams and timers. */
const LIMIT_MS = 200
const TEXT_BYTES = 5_000_000

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string', default: EMBEDDED_MODEL },
      text: { type: 'string' },
      pruner: { type: 'string', default: 'sparsegpt' },
    },
  })
  const directory = mkdtempSync(join(tmpdir(), 'coppice-bench-'))
  try {
    const text = values.text === undefined ? embeddedText(directory, TEXT_BYTES) : resolve(values.text)
    const site = ['--model', resolve(values.model), '--text', text]
    const founder = start(directory, 'founder', 'peer', '--members', '2', '--pruner', values.pruner, ...site)
    const joiner = start(directory, 'joiner', 'join', await invitation(founder), ...site)
    const [[code], [other]] = await Promise.all([once(founder, 'close'), once(joiner, 'close')])
    if (code !== 0 || other !== 0) throw new Error(`the founder ended with ${code}, the joiner with ${other}`)
    for (const name of ['founder', 'joiner']) print(name, JSON.parse(readFileSync(join(directory, name), 'utf8')))
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function start(directory: string, name: string, ...argv: string[]): ChildProcess {
  const preload = join(PACKAGE_ROOT, 'scripts', 'bench', 'preload', 'event-loop.ts')
  return spawn(process.execPath, ['--import', preload, join(PACKAGE_ROOT, 'bin', 'coppice.js'), ...argv], {
    cwd: directory,
    env: { ...process.env, COPPICE_EVENT_LOOP: join(directory, name) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

async function invitation(founder: ChildProcess): Promise<string> {
  const found = Promise.withResolvers<string>()
  const ask = async (data: string) => ((await askPeer(data, 'invitation')) as Invited).invitation
  let text = ''
  founder.stdout?.on('data', (chunk) => {
    text += chunk
    const told = /^The invitation is written into no log\..* --data (\S+)$/m.exec(text)
    if (told !== null) ask(told[1]).then((line) => found.resolve(line ?? ''), found.reject)
  })
  founder.once('close', () => found.reject(new Error('the founder ended before its invitation')))
  return found.promise
}

function print(name: string, { loading, loaded, longest, stalls }: LoopReport): void {
  const verdict = longest <= LIMIT_MS ? 'within' : 'BEYOND'
  console.log(`${name}: longest stall ${longest.toFixed(0)} ms, ${verdict} ${LIMIT_MS} ms`)
  console.log(`  before that ${loading.toFixed(0)} ms while modules were loaded, done after ${loaded.toFixed(0)} ms`)
  for (const { at, ms } of stalls) console.log(`  ${ms.toFixed(0)} ms, until ${(at / 1e3).toFixed(2)} s`)
}
