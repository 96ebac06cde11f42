/** Runs a command line as on a terminal, so that its line of progress is written every second. */
import '../../../src/runtime/no-telemetry.ts'
import { runCommand } from '../../program.ts'

const COLUMNS = 200
const stderr = { isTTY: true, columns: COLUMNS, write: (text: string) => void process.stderr.write(text) }
process.exitCode = await runCommand(process.argv.slice(2), { stdout: process.stdout, stderr })
