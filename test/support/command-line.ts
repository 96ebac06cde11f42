import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { createProgram, runCommand } from '../../scripts/program.ts'
import type { Output } from '../../scripts/terminal/output.ts'

/** Where the command lines of a test file have their data directory, instead of in the account of whoever tests. */
export const STATE_HOME = mkdtempSync(join(tmpdir(), 'coppice-state-'))
process.env['XDG_STATE_HOME'] = STATE_HOME
process.on('exit', () => rmSync(STATE_HOME, { recursive: true, force: true }))

/** Keeps what is written to it. */
export class Recorder implements Output {
  text = ''
  readonly isTTY: boolean
  readonly columns: number | undefined

  constructor(isTTY = false, columns?: number) {
    this.isTTY = isTTY
    this.columns = columns
  }

  write(text: string): void {
    this.text += text
  }
}

export interface Ended {
  exit: number
  stdout: string
  stderr: string
}

/** Runs a command line in this process. */
export async function coppice(...argv: string[]): Promise<Ended> {
  const [stdout, stderr] = [new Recorder(), new Recorder()]
  const exit = await runCommand(argv, { stdout, stderr })
  return { exit, stdout: stdout.text, stderr: stderr.text }
}

/** The two lines of a refusal: on a slow machine there is progress before them. */
export function lastLines(stderr: string): string {
  return stderr.split('\n').slice(-3).join('\n')
}

/** All commands with the names of their options. */
export function commandTable(): Record<string, string[]> {
  const streams = { stdout: new Recorder(), stderr: new Recorder() }
  const program = createProgram(async () => undefined, streams)
  return Object.fromEntries(
    program.commands.map((command: Command) => [
      command.name(),
      command.options.filter((option) => !option.hidden).map((option) => option.long ?? ''),
    ]),
  )
}

/** The values that commander reads from a command line, with the options that `add` gives the command. */
export function read<Raw extends object>(add: (command: Command) => unknown, ...argv: string[]): Raw {
  const command = new Command('test').exitOverride().configureOutput({ writeErr: () => undefined })
  add(command)
  return command.parse(argv, { from: 'user' }).opts<Raw>()
}
