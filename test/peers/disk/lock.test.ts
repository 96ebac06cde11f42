import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { LOCK_FILE } from '../../../peers/disk/lock.ts'
import { PACKAGE_ROOT } from '../../../scripts/paths.ts'
import { temporaryDirectory } from '../../support/nodes.ts'

const PROCESSES = 4
/** Half of them begin with a lock that a process has left. Of 60 such races of six, 39 had two holders or more once. */
const RACES = 24
/** Ahead, so that all of them have heard of it before they begin. */
const START_MS = 20

/** A process that locks the directory of each message at its time, and answers with `held` or the code. */
const PROGRAM = `
  const { lockDirectory } = await import(${JSON.stringify(pathToFileURL(join(PACKAGE_ROOT, 'peers/disk/lock.ts')))})
  process.on('message', async ({ directory, at }) => {
    while (Date.now() < at);
    process.send(await lockDirectory(directory, 'hint').then(() => 'held', (error) => error.code ?? String(error)))
  })
  process.send('ready')`

async function answer(process: ChildProcess, message?: object): Promise<unknown> {
  const answered = once(process, 'message')
  if (message !== undefined) process.send(message)
  const [said] = await answered
  return said
}

test('one of the processes that want a directory at the same time has it, also where another has left its lock', async (context) => {
  const root = await temporaryDirectory(context)
  const processes = Array.from({ length: PROCESSES }, () =>
    spawn(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    }),
  )
  context.after(() => processes.map((own) => own.kill('SIGKILL')))
  await Promise.all(processes.map((own) => answer(own)))
  for (let race = 0; race < RACES; race++) {
    const directory = join(root, String(race))
    await mkdir(directory)
    if (race % 2 === 1) await writeFile(join(directory, LOCK_FILE), '999999999 1@before\n')
    const at = Date.now() + START_MS
    const answers = await Promise.all(processes.map((own) => answer(own, { directory, at })))
    const others = Array.from({ length: PROCESSES - 1 }, () => 'OUTPUT_LOCKED')
    assert.deepEqual(answers.toSorted(), [...others, 'held'])
    assert.deepEqual(await readdir(directory), [LOCK_FILE])
  }
})
