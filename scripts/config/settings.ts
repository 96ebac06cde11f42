/**
 * The settings of a command: all that its options say on the command line, and that variables and a file can say as
 * well. Commander's own options are the one source: their names, their forms, and the readers that check each value.
 */
import { delimiter } from 'node:path'
import type { Command, Option } from 'commander'

/** The option that says where settings come from is none of them. */
const CONFIG_KEY = 'config'
/** The settings that nobody else may see (a proxy has a password): no log has them, and no other process gets them. */
const SECRET_KEYS = ['invitation', 'proxy']

export interface Setting {
  /** The name in a file, such as eval-window. */
  key: string
  /** The name among the variables, such as COPPICE_EVAL_WINDOW. */
  variable: string
  isSecret: boolean
  /** The values that a file may give it, in words; null if the command knows the option only to refuse it. */
  form: string | null
  /** Whether the command line has it. */
  isGiven: boolean
  /**
   * Gives it to the command. @param value - as JSON has it
   * @throws {FormError} a value of another form
   * @throws {UsageError} as the reader of the option does
   */
  set(value: unknown, source: Source): void
  /** The text of a variable as JSON would have it. */
  fromText(text: string): unknown
}

type Source = 'env' | 'config'

/** A value has another form than the setting. */
export class FormError extends Error {
  static name = 'FormError'
}

/** The settings of a command, in the order of its options. */
export function settingsOf(command: Command): Setting[] {
  const byKey = Map.groupBy(command.options, keyOf)
  byKey.delete(CONFIG_KEY)
  return [
    ...command.registeredArguments.flatMap((_, index) => argumentSetting(command, index)),
    ...[...byKey].map(([key, options]) => optionSetting(command, key, options)),
  ]
}

/** The name that options of one setting share: --listen and --no-listen, --json and --json=lines. */
function keyOf({ long }: Option): string {
  return (long ?? '').replace(/^--(no-)?/, '').replace(/=.*$/, '')
}

function variableOf(key: string): string {
  return `COPPICE_${key.toUpperCase().replaceAll('-', '_')}`
}

/** An argument that may be left out can be kept out of the command line, which others on the machine can see. */
function argumentSetting(command: Command, index: number): Setting[] {
  const argument = command.registeredArguments[index]
  if (argument.required) return []
  const key = argument.name()
  return [
    {
      key,
      variable: variableOf(key),
      isSecret: SECRET_KEYS.includes(key),
      form: 'a string',
      isGiven: command.args.length > index,
      set(value) {
        command.processedArgs[index] = textOf(value)
      },
      fromText: (text) => text,
    },
  ]
}

/** @param options - all of this key; at most one of them takes a value */
function optionSetting(command: Command, key: string, options: readonly Option[]): Setting {
  return {
    key,
    variable: variableOf(key),
    isSecret: SECRET_KEYS.includes(key),
    form: options.every(({ hidden }) => hidden) ? null : options.map(formOf).join(', or '),
    isGiven: options.some((option) => command.getOptionValueSource(option.attributeName()) === 'cli'),
    set(value, source) {
      const meant = meaningOf(options, value)
      if (meant !== null) command.setOptionValueWithSource(meant.option.attributeName(), meant.value, source)
    },
    fromText: (text) => jsonOf(options, text),
  }
}

/** The option that a value is for, and the value as the command takes it; null: a flag that is left out. */
function meaningOf(options: readonly Option[], value: unknown): { option: Option; value: unknown } | null {
  const flags = options.filter(({ required }) => !required)
  const flag = flags.find((option) => literalOf(option) === value)
  if (flag !== undefined) {
    read(flag, '') // an option that is only refused does so here
    return { option: flag, value: !flag.negate }
  }
  if (value === false && flags.some((option) => literalOf(option) === true)) return null
  const option = options.find(({ required }) => required)
  if (option === undefined) throw new FormError()
  if (!option.variadic) return { option, value: read(option, textOf(value)) }
  return { option, value: (Array.isArray(value) ? value : [value]).map((each) => read(option, textOf(each))) }
}

/** The value by which a file gives an option that takes none: --yes, --no-listen, --json=lines. */
function literalOf({ long, negate }: Option): boolean | string {
  return long?.split('=')[1] ?? !negate
}

function formOf(option: Option): string {
  if (option.variadic) return 'a list of strings'
  return option.required ? 'a string or a number' : JSON.stringify(literalOf(option))
}

/** Lists are separated as those in PATH are. */
function jsonOf(options: readonly Option[], text: string): unknown {
  const isFlag = options.some((option) => !option.required && typeof literalOf(option) === 'boolean')
  if (isFlag && (text === 'true' || text === 'false')) return text === 'true'
  return options.some(({ variadic }) => variadic) ? text.split(delimiter) : text
}

function read({ parseArg }: Option, text: string): unknown {
  return parseArg === undefined ? text : parseArg(text, undefined)
}

/** Numbers are read by their digits, as on the command line. */
function textOf(value: unknown): string {
  if (typeof value !== 'string' && typeof value !== 'number') throw new FormError()
  return String(value)
}
