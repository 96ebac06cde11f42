/** Each command in words: its arguments, options and defaults, its examples, and the exit codes it ends with. */
import type { Command } from 'commander'
import { createProgram } from '../../program.ts'
import { table } from './table.ts'

/** All commands, in the order of the help. */
export function commandsInWords(): string {
  let help = ''
  const stdout = { write: (text: string) => void (help += text) }
  const program = createProgram(async () => undefined, { stdout, stderr: { write: () => undefined } })
  return program.commands
    .map((command) => {
      help = ''
      command.outputHelp()
      return inWords(command, help.slice(command.helpInformation().length))
    })
    .join('\n\n')
}

/** @param after - the text of --help below the options */
function inWords(command: Command, after: string): string {
  const named = command.registeredArguments.map((argument) => {
    const name = argument.name()
    return [argument.required ? `\`<${name}>\`` : `\`[${name}]\``, argument.description]
  })
  const options = command.options.filter(({ hidden }) => !hidden)
  const rows = [...named, ...options.map(({ description, flags }) => [`\`${flags}\``, description])]
  return [
    `## ${command.name()}`,
    command.description(),
    `\`\`\`\ncoppice ${command.name()} ${command.usage()}\n\`\`\``,
    table(
      ['argument or option', 'meaning', 'if it is not given'],
      rows.map(([name, meaning]) => [name, ...withDefault(meaning)]),
    ),
    `\`\`\`\n${after.trim()}\n\`\`\``,
  ].join('\n\n')
}

/** The meaning of an option, and what its description says of the default at its end. */
function withDefault(description: string): [meaning: string, otherwise: string] {
  const found = /(?: \(default:? (.+)\)| \((required.*)\)|; default: (\w+))$/.exec(description)
  if (found === null) return [description, '']
  return [description.slice(0, found.index), found[1] ?? found[2] ?? found[3]]
}
