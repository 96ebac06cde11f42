/** The process that a person starts: one command line in, one exit code out. */
import '../src/runtime/no-telemetry.ts'
import { runCommand, saysJson, tellEnding } from './program.ts'

/** Longer than closing sockets takes. What still holds the process then was forgotten, and nothing waits for it. */
const LINGER_MS = 3000

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit() // the reader has ended: `coppice inspect ... | head`
    throw error
  })
}
const argv = process.argv.slice(2)
// An error that no code waits for is a bug as well.
process.on('uncaughtException', (error) => process.exit(tellEnding(error, saysJson(argv), process)))
process.exitCode = await runCommand(argv, process)
setTimeout(() => process.exit(), LINGER_MS).unref()
