/** SITE: the options for a site's own part: its model, its text, and the number of windows that calibrate. */
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { MAX_WINDOW, MAX_WINDOWS } from '../../protocols/plan/offer.ts'
import { UsageError } from '../../src/base/errors.ts'
import type { WindowLimits } from '../../src/jobs/model/describe.ts'
import { textPath } from '../embedded/texts.ts'
import { isHubName, parseHubName } from '../hub/name.ts'
import { EMBEDDED_MODEL } from '../paths.ts'
import { notEmpty, PROPER_SHARE, refuseConflict, refuseMissing, share, wholeNumber } from './values.ts'

/**
 * The number of windows of text of a site: SparseGPT and Wanda are usually measured with 128, and 32 is close to it.
 */
const DEFAULT_WINDOWS = 32
/** The number of tokens in a window, if the model takes as many. */
const DEFAULT_WINDOW = 512

export interface ModelOptions {
  /** Absolute path of the model's directory, or hf:OWNER/NAME[@REVISION] until scripts/hub/given.ts has fetched it. */
  model: string
  /** The same as it was asked for, whatever has become of it. */
  asked: string
  /** Whether no hub may be asked for it. */
  offline: boolean
  /** Whether this is the model that comes with the package. */
  embedded: boolean
}

export interface TextOptions {
  /** Paths; empty if none was given. */
  texts: string[]
  /** The text between documents; undefined: each file is one document. */
  separator: string | undefined
}

export interface WindowOptions {
  windows: number
  /** Tokens a window; undefined: DEFAULT_WINDOW, or the model's longest window if that is less, see windowFor. */
  window: number | undefined
}

export interface RawModel {
  model?: string
  offline?: boolean
}

export interface RawSite extends RawModel {
  text?: string[]
  separator?: string
  windows?: number
  window?: number
}

/** @param description - what it is for this command */
export function addModelOption(
  command: Command,
  description = 'directory of the model (default: the embedded one)',
): Command {
  return command
    .option(
      '--model <dir>',
      `${description}; or hf:OWNER/NAME[@REVISION], a model of the Hugging Face hub`,
      notEmpty('--model', 'a directory or hf:OWNER/NAME'),
    )
    .option('--offline', 'take a model hf:OWNER/NAME from the cache alone')
}

const TEXTS =
  'texts in UTF-8: plain, or JSON lines or one array with the key "text"; gzip is unpacked; or embedded:early, middle, late, novel'

/** @param otherwise - the texts that are taken if none is given */
export function addTextOptions(command: Command, otherwise?: string): Command {
  return command
    .option('--text <file...>', otherwise === undefined ? TEXTS : `${TEXTS} (default: ${otherwise})`)
    .option(
      '--separator <string>',
      'the text between two documents of a plain text (default: each file is one document)',
      notEmpty('--separator', 'a string'),
    )
}

/** @param help - the meaning of the options for this command */
export function addWindowOptions(command: Command, help: { windows?: string; window?: string } = {}): Command {
  return command
    .addOption(
      new Option(
        '--windows <n>',
        help.windows ?? `windows of text a site calibrates on (default: ${DEFAULT_WINDOWS})`,
      ).argParser(wholeNumber('--windows', 1, MAX_WINDOWS)),
    )
    .addOption(windowOption(help.window))
}

export function windowOption(
  description = `tokens a window (default: ${DEFAULT_WINDOW}, or the longest window of the model if that is less)`,
): Option {
  return new Option('--window <n>', description).argParser(wholeNumber('--window', 2, MAX_WINDOW))
}

/** Adds the capacity of one site; `simulate` takes a list instead. */
export function addCapacityOption(command: Command): Command {
  const description = 'share of the blocks this site prunes a round (default: as the plan says)'
  return command.addOption(new Option('--capacity <share>', description).argParser(share('--capacity', PROPER_SHARE)))
}

/** @throws {UsageError} USAGE_VALUE, USAGE_CONFLICT */
export function modelOptions({ model = EMBEDDED_MODEL, offline = false }: RawModel): ModelOptions {
  if (isHubName(model)) {
    parseHubName(model)
    return { model, asked: model, offline, embedded: false }
  }
  if (offline) refuseConflict('--offline is of no use with a model of this machine', 'Leave it out.')
  const path = resolve(model)
  return { model: path, asked: path, offline, embedded: path === EMBEDDED_MODEL }
}

/** @throws {UsageError} USAGE_MISSING: no text, but one is needed; USAGE_VALUE */
export function textOptions({ text = [], separator }: RawSite, command: string, needed: boolean): TextOptions {
  if (needed && text.length === 0) refuseMissing('--text', command, 'Give --text one or more .txt or .jsonl files.')
  return { texts: text.map((given) => textPath(given, 'training')), separator }
}

export function windowOptions({ windows = DEFAULT_WINDOWS, window }: RawSite): WindowOptions {
  return { windows, window }
}

/**
 * The number of tokens in a window.
 * @param limits - the windows that the model takes; any length if config.json gives no limit
 * @param otherwise - the number if none is asked for
 * @throws {UsageError} WINDOW_FIXED, WINDOW_LONG: the model does not take that many
 */
export function windowFor(
  wanted: number | undefined,
  { fixedWindow, maxWindow = Number.POSITIVE_INFINITY }: WindowLimits,
  flag = '--window',
  otherwise = DEFAULT_WINDOW,
): number {
  if (fixedWindow !== undefined) {
    if (wanted === undefined || wanted === fixedWindow) return fixedWindow
    throw new UsageError({
      code: 'WINDOW_FIXED',
      what: `${flag} ${wanted} is not the ${fixedWindow} tokens that the model's graph is fixed at`,
      hint: `Leave ${flag} out, or export the model with a free sequence length.`,
    })
  }
  if (wanted === undefined) return Math.min(otherwise, maxWindow)
  if (wanted <= maxWindow) return wanted
  throw new UsageError({
    code: 'WINDOW_LONG',
    what: `${flag} ${wanted} is longer than the ${maxWindow} tokens that the model takes`,
    hint: `Give ${flag} at most ${maxWindow}.`,
  })
}
