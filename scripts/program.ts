/** All commands together, and what every one of them ends with. */

import { Command } from 'commander'
import { EXIT, type ExitCode } from '../src/base/errors.ts'
import type { Json, Start } from './command.ts'
import { defineBundle } from './commands/bundle/index.ts'
import { defineDoctor } from './commands/doctor/index.ts'
import { defineEvaluate } from './commands/evaluate/index.ts'
import { defineInspect } from './commands/inspect/index.ts'
import { defineInvitation } from './commands/invitation/index.ts'
import { defineJoin } from './commands/join/index.ts'
import { definePeer } from './commands/peer/index.ts'
import { definePlan } from './commands/plan/index.ts'
import { definePrune } from './commands/prune/index.ts'
import { defineRecover } from './commands/recover/index.ts'
import { defineResume } from './commands/resume/index.ts'
import { defineShrink } from './commands/shrink/index.ts'
import { defineSimulate } from './commands/simulate/index.ts'
import { defineStatus } from './commands/status/index.ts'
import { defineStructures } from './commands/structures/index.ts'
import { defineVerify } from './commands/verify/index.ts'
import { addConfiguration } from './config/configure.ts'
import type { EventLine } from './operate/event-schema.ts'
import { jsonLine } from './operate/json-line.ts'
import { jsonForm } from './options/output.ts'
import { VERSION } from './paths.ts'
import { Meter } from './progress/meter.ts'
import { endOf, Interruption } from './terminal/interruption.ts'
import type { Output } from './terminal/output.ts'
import type { Keyboard } from './terminal/question.ts'
import { endingOf, jsonOf } from './terminal/refusal.ts'
import { Terminal } from './terminal/terminal.ts'

interface Streams {
  stdin?: Keyboard
  stdout: Output
  stderr: Output
}

/** All commands by name, in the order of the help. */
const DEFINED = {
  simulate: defineSimulate,
  peer: definePeer,
  join: defineJoin,
  resume: defineResume,
  status: defineStatus,
  invitation: defineInvitation,
  doctor: defineDoctor,
  plan: definePlan,
  prune: definePrune,
  evaluate: defineEvaluate,
  inspect: defineInspect,
  structures: defineStructures,
  shrink: defineShrink,
  recover: defineRecover,
  verify: defineVerify,
  bundle: defineBundle,
}
const COMMANDS = Object.keys(DEFINED)

/** Runs one command line. Resolves to the exit code; never rejects. */
export async function runCommand(argv: readonly string[], streams: Streams): Promise<number> {
  let asJson = saysJson(argv)
  const end = (error: unknown) => tellEnding(error, asJson, streams)
  using interruption = new Interruption((reason) => process.exit(end(reason)))
  const { signal } = interruption
  let exit: ExitCode = EXIT.done
  const ends = (other: ExitCode) => void (exit = other)
  const start: Start = async (json, work) => {
    asJson = json
    const { stdout, stderr } = streams
    const interrupt = () => interruption.receive('SIGINT', performance.now())
    const isJson = json !== false
    const terminal = new Terminal({ stdout, stderr, stdin: () => streams.stdin, json: isJson, interrupt })
    const tell = json === 'lines' ? (line: EventLine) => void stdout.write(jsonLine(line)) : undefined
    try {
      const report = await work({ terminal, meter: new Meter(terminal.work), signal, ends, tell })
      if (tell === undefined) terminal.result(report)
    } finally {
      terminal.clear()
    }
  }
  try {
    const configured = (json: Json) => (asJson = json)
    await createProgram(start, streams, { environment: process.env, configured }).parseAsync(argv, { from: 'user' })
    return exit
  } catch (error) {
    return end(endOf(error, signal))
  }
}

/** Says how a command ends that does not succeed. Returns the exit code. */
export function tellEnding(error: unknown, json: Json, { stdout, stderr }: Streams): number {
  const { exit, text, report } = endingOf(error, COMMANDS)
  stderr.write(text)
  if (json !== false && report !== null)
    stdout.write(json === 'lines' ? jsonLine({ event: 'error', ...report }) : jsonOf(report))
  return exit
}

/** The form of --json that was meant where the rest of the line could not be understood. */
export function saysJson(argv: readonly string[]): Json {
  const end = argv.indexOf('--')
  const options = argv.slice(0, end === -1 ? argv.length : end)
  return options.includes('--json=lines') ? 'lines' : options.includes('--json')
}

interface Around {
  /** Variables in which options may stand; default: none. */
  environment?: NodeJS.ProcessEnv
  /** Called when all options of a command are known, and before its work. */
  configured?(json: Json): void
}

export function createProgram(
  start: Start,
  { stdout, stderr }: Streams,
  { environment = {}, configured }: Around = {},
): Command {
  const program = new Command('coppice')
    .description('Prune one language model at many sites at once, peer to peer.')
    .version(VERSION, '--version')
    .helpOption('--help', 'show the options of the command')
    .helpCommand('help [command]', 'show the options of a command')
    .exitOverride()
    .configureOutput({ writeOut: (text) => void stdout.write(text), writeErr: () => undefined })
    .addHelpText('after', '\ncoppice COMMAND --help shows options, an example and exit codes of one command.')
  for (const define of Object.values(DEFINED)) define(program, start)
  addConfiguration(program, environment, (note) => void stderr.write(`coppice: ${note}\n`))
  program.hook('preAction', (_, command) => configured?.(jsonForm(command.opts())))
  return program
}
