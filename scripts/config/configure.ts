/**
 * Gives a command the settings that its command line does not have: first those of variables, then those of a file. A
 * setting that neither has keeps the command's own default.
 */
import { type Command, Option } from 'commander'
import { CoppiceError, UsageError } from '../../src/base/errors.ts'
import { notEmpty } from '../options/values.ts'
import { readConfigFile } from './file.ts'
import { FormError, type Setting, settingsOf } from './settings.ts'

const PREFIX = 'COPPICE_'
const FILE_VARIABLE = `${PREFIX}CONFIG`

/** Adds --config to every command of the program, and reads it and the variables before a command begins. */
export function addConfiguration(program: Command, environment: NodeJS.ProcessEnv, tell: (note: string) => void): void {
  for (const command of program.commands) {
    command.addOption(
      new Option('--config <file>', 'a JSON file of options that are not given here, such as {"yes": true}').argParser(
        notEmpty('--config', 'a file'),
      ),
    )
  }
  const known = program.commands.flatMap(settingsOf)
  program.hook('preAction', (_, command) => {
    for (const name of strangers(environment, known)) tell(`${name} is the variable of no option, and is not read.`)
    configure(command, known, environment)
    // Processes that this one starts need not know it.
    for (const { isSecret, variable } of known) if (isSecret) delete environment[variable]
  })
}

/** Variables that look as if they were for this program, and are not: perhaps their names are misspelt. */
function strangers(environment: NodeJS.ProcessEnv, known: readonly Setting[]): string[] {
  const names = new Set([FILE_VARIABLE, ...known.map(({ variable }) => variable)])
  return Object.keys(environment).filter((name) => name.startsWith(PREFIX) && !names.has(name))
}

/** @throws {UsageError} CONFIG_UNREADABLE, CONFIG_MALFORMED, CONFIG_UNKNOWN, CONFIG_VALUE, and those of options */
function configure(command: Command, known: readonly Setting[], environment: NodeJS.ProcessEnv): void {
  const path: string | undefined = command.getOptionValue('config') ?? (environment[FILE_VARIABLE] || undefined)
  const file = path === undefined ? new Map<string, unknown>() : readConfigFile(path)
  const keys = new Set(known.map(({ key }) => key))
  for (const key of file.keys()) if (!keys.has(key)) throw unknownKey(path ?? '', key)
  for (const setting of settingsOf(command)) {
    const { isGiven, key, variable } = setting
    if (isGiven) continue
    const text = environment[variable] || undefined // compose has empty variables for those that are not set
    if (text !== undefined) place(variable, setting, () => setting.set(setting.fromText(text), 'env'))
    else if (file.has(key)) place(`${path}, key "${key}"`, setting, () => setting.set(file.get(key), 'config'))
  }
}

/** Names the place of a value that is refused. */
function place(where: string, { form }: Setting, set: () => void): void {
  try {
    set()
  } catch (error) {
    if (error instanceof FormError) throw badForm(where, form ?? '')
    if (!(error instanceof CoppiceError)) throw error
    const { code, hint, message } = error
    throw new UsageError({ code, what: `${where}: ${message}`, hint, cause: error })
  }
}

function unknownKey(path: string, key: string): UsageError {
  return new UsageError({
    code: 'CONFIG_UNKNOWN',
    what: `the configuration ${path} has the key ${JSON.stringify(key)}, which no command knows`,
    hint: 'Keys are the names of options without dashes, such as "eval-window". docs/reference/configuration.md lists them.',
  })
}

function badForm(where: string, form: string): UsageError {
  return new UsageError({ code: 'CONFIG_VALUE', what: `${where}: expected ${form}`, hint: `Give it ${form}.` })
}
