/** Options for the place and the form of results. */
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { type PageOptions, pageOption, type RawPage } from './page.ts'
import { notEmpty } from './values.ts'

export interface OutputOptions extends PageOptions {
  /** Absolute; null: a directory named after the federation, see output-directory.ts. */
  out: string | null
}

export interface RawOutput extends RawPage {
  out?: string
  json?: boolean
}

export function addOutOption(command: Command, description: string): Command {
  return command.addOption(new Option('--out <dir>', description).argParser(notEmpty('--out', 'a directory')))
}

export function addJsonOption(command: Command): Command {
  return command.option('--json', 'one JSON object on stdout, {"error": ...} for a refusal; progress goes to stderr')
}

export function outputOptions({ out, page }: RawOutput): OutputOptions {
  return { out: out === undefined ? null : resolve(out), ...pageOption({ page }) }
}
