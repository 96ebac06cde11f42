/** Options for the place and the form of results. */
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import type { Json } from '../command.ts'
import { type PageOptions, pageOption, type RawPage } from './page.ts'
import { notEmpty } from './values.ts'

export interface OutputOptions extends PageOptions {
  /** Absolute; null: a directory named after the federation, see output-directory.ts. */
  out: string | null
}

export interface RawOutput extends RawPage {
  out?: string
  json?: boolean
  'json=lines'?: boolean
}

export function addOutOption(command: Command, description: string): Command {
  return command.addOption(new Option('--out <dir>', description).argParser(notEmpty('--out', 'a directory')))
}

export function addJsonOption(command: Command): Command {
  return command.option('--json', 'one JSON object on stdout, {"error": ...} for a refusal; progress goes to stderr')
}

/** Adds --json, and the same with one object for each event, for commands that run for long. */
export function addJsonOptions(command: Command): Command {
  // The value is a part of the flag: with one that may be left out, --json would take the argument behind it.
  return addJsonOption(command).option('--json=lines', 'one JSON object a line on stdout for each event as it happens')
}

export function jsonForm({ json, ...raw }: RawOutput): Json {
  return raw['json=lines'] === true ? 'lines' : json === true
}

export function outputOptions({ out, page }: RawOutput): OutputOptions {
  return { out: out === undefined ? null : resolve(out), ...pageOption({ page }) }
}
