/** Options for a site's data directory, which holds its key and the files of its federations, and for its name. */
import { homedir } from 'node:os'
import { isAbsolute, join, resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { MAX_SITE_NAME, shown, siteNameFault } from '../../protocols/plan/site-name.ts'
import { UsageError } from '../../src/base/errors.ts'
import { notEmpty } from './values.ts'

export interface SiteOptions {
  /** Absolute path. */
  data: string
  /** null: the name that the data directory holds, or one derived from the key. */
  name: string | null
}

export interface RawSiteOptions {
  data?: string
  name?: string
}

const DEFAULT_DATA = '$XDG_STATE_HOME/coppice, or ~/.local/state/coppice'

export function addDataOption(command: Command): Command {
  return command.addOption(
    new Option('--data <dir>', `where this site keeps its key and store (default: ${DEFAULT_DATA})`).argParser(
      notEmpty('--data', 'a directory'),
    ),
  )
}

export function addSiteOptions(command: Command): Command {
  return addDataOption(command).addOption(
    new Option(
      '--name <text>',
      'the name of this site that the others see, kept in --data (default: derived from its key)',
    ).argParser(siteName),
  )
}

/** @throws {UsageError} USAGE_MISSING: no data directory is given, and the account has no default */
export function siteOptions({ data, name }: RawSiteOptions): SiteOptions {
  return {
    data: data === undefined ? defaultDataDirectory(process.env, process.platform) : resolve(data),
    name: name ?? null,
  }
}

/**
 * The default data directory: $XDG_STATE_HOME/coppice; without that %LOCALAPPDATA%\coppice on Windows, elsewhere
 * ~/.local/state/coppice. Relative paths are ignored, as XDG demands.
 * @throws {UsageError} USAGE_MISSING
 */
export function defaultDataDirectory(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  const { XDG_STATE_HOME: state, LOCALAPPDATA: local, HOME: home } = env
  if (isPath(state)) return join(state, 'coppice')
  if (platform === 'win32') return join(isPath(local) ? local : join(homedir(), 'AppData', 'Local'), 'coppice')
  if (isPath(home)) return join(home, '.local', 'state', 'coppice')
  throw new UsageError({
    code: 'USAGE_MISSING',
    what: '--data is missing, and this account has no home directory (HOME is not set) where it would be',
    hint: 'Give --data a directory that is of this site alone, and the same one every time: its key will lie there.',
  })
}

function isPath(path: string | undefined): path is string {
  return path !== undefined && isAbsolute(path)
}

/**
 * A name in its normal form. The character that selects the coloured or the plain form of an emoji is dropped:
 * keyboards add it unasked.
 * @throws {UsageError} USAGE_VALUE
 */
function siteName(text: string): string {
  const name = text
    .normalize('NFC')
    .replace(/[\ufe0e\ufe0f]/gu, '')
    .trim()
  const fault = siteNameFault(name)
  if (fault === null) return name
  throw new UsageError({
    code: 'USAGE_VALUE',
    what: `--name "${shown(name)}" ${fault}`,
    hint: `Give --name 1 to ${MAX_SITE_NAME} letters, digits, signs and spaces, of any script.`,
  })
}
