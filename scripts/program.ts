/** All commands together, and what every one of them ends with. */
import { Command } from 'commander'
import { EXIT } from '../src/errors.ts'
import { defineEvaluate } from './evaluate.ts'
import { defineInspect } from './inspect/index.ts'
import { defineJoin } from './join/index.ts'
import { VERSION } from './paths.ts'
import { definePeer } from './peer/index.ts'
import { definePlan } from './plan/index.ts'
import { definePrune } from './prune/index.ts'
import { defineRecover } from './recover/index.ts'
import { defineShrink } from './shrink/index.ts'
import { defineSimulate } from './simulate/index.ts'
import { defineStructures } from './structures/index.ts'
import { InterruptedError, Interruption } from './terminal/interruption.ts'
import type { Keyboard } from './terminal/question.ts'
import { endingOf } from './terminal/refusal.ts'
import { type Output, Terminal } from './terminal/terminal.ts'
import { defineVerify } from './verify/index.ts'

/** What a command is given beside its options. */
export interface Run {
  terminal: Terminal
  /** Aborted by Ctrl-C and kill, with an InterruptedError. */
  signal: AbortSignal
}

/** Starts a command's work, with its terminal; what it resolves to is the one object of --json. */
export type Start = (json: boolean, work: (run: Run) => Promise<object>) => Promise<void>

export interface Streams {
  stdin?: Keyboard
  stdout: Output
  stderr: Output
}

/** Runs one command line. Resolves to the exit code; never rejects. */
export async function runCommand(argv: readonly string[], streams: Streams): Promise<number> {
  using interruption = new Interruption((exit) => process.exit(exit))
  const { signal } = interruption
  const start: Start = async (json, work) => {
    const { stdout, stderr } = streams
    const interrupt = () => interruption.receive('SIGINT', performance.now())
    const terminal = new Terminal({ stdout, stderr, stdin: () => streams.stdin, json, interrupt })
    try {
      terminal.result(await work({ terminal, signal }))
    } finally {
      terminal.clear()
    }
  }
  try {
    await createProgram(start, streams).parseAsync(argv, { from: 'user' })
    return EXIT.done
  } catch (error) {
    if (signal.aborted && signal.reason instanceof InterruptedError) {
      const { exit, lines } = error instanceof InterruptedError ? error : signal.reason
      streams.stderr.write(`${lines}\n`)
      return exit
    }
    const { exit, text } = endingOf(error)
    streams.stderr.write(text)
    return exit
  }
}

export function createProgram(start: Start, { stdout }: Streams): Command {
  const program = new Command('coppice')
    .description('Prune one language model at many sites at once, peer to peer.')
    .version(VERSION, '--version')
    .helpOption('--help', 'show what the command takes')
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeOut: (text) => void stdout.write(text), writeErr: () => undefined })
    .addHelpText('after', '\ncoppice COMMAND --help shows options, an example and exit codes of one command.')
  for (const define of [
    defineSimulate,
    definePeer,
    defineJoin,
    definePlan,
    definePrune,
    defineEvaluate,
    defineInspect,
    defineStructures,
    defineShrink,
    defineRecover,
    defineVerify,
  ]) {
    define(program, start)
  }
  return program
}
