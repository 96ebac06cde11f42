/** The options by which a site's command is watched: its log and its metrics. */
import { BlockList, isIP } from 'node:net'
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { UsageError } from '../../src/base/errors.ts'
import { notEmpty, oneOf, refuseConflict } from '../options/values.ts'
import { LEVELS, type Level } from './event-kinds.ts'

const DEFAULT_LEVEL: Level = 'info'
const MAX_PORT = 65_535

export interface LogOptions {
  /** Absolute path. */
  file: string
  level: Level
}

export interface MetricsAddress {
  host: string
  port: number
}

export interface WatchOptions {
  /** null: no log is written. */
  log: LogOptions | null
  /** null: no metrics are served. */
  metrics: MetricsAddress | null
}

export interface RawWatch {
  logFile?: string
  logLevel?: Level
  metrics?: MetricsAddress
  metricsPublic?: boolean
}

export function addWatchOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--log-file <file>', 'append a log to this file, one JSON object a line').argParser(
        notEmpty('--log-file', 'a file'),
      ),
    )
    .addOption(
      new Option(
        '--log-level <level>',
        `${LEVELS.join(', ')}: the least important lines of the log (default: ${DEFAULT_LEVEL})`,
      ).argParser(oneOf('--log-level', LEVELS)),
    )
    .addOption(
      new Option('--metrics <address:port>', 'serve metrics for Prometheus there, such as 127.0.0.1:9464').argParser(
        metricsAddress,
      ),
    )
    .option('--metrics-public', 'let --metrics be an address that other machines can reach')
}

/** @throws {UsageError} USAGE_CONFLICT */
export function watchOptions({ logFile, logLevel, metrics, metricsPublic }: RawWatch): WatchOptions {
  if (logLevel !== undefined && logFile === undefined)
    refuseConflict('--log-level is of a log, and none is written', 'Add --log-file FILE, or leave --log-level out.')
  if (metricsPublic && metrics === undefined)
    refuseConflict(
      '--metrics-public is of metrics, and none are served',
      'Add --metrics, or leave --metrics-public out.',
    )
  if (metrics !== undefined && !metricsPublic && !isLocal(metrics.host))
    refuseConflict(
      `--metrics ${metrics.host}:${metrics.port} can be reached from other machines, which would read the names of all sites`,
      'Give 127.0.0.1, or add --metrics-public where a firewall lets only your own monitoring in.',
    )
  return {
    log: logFile === undefined ? null : { file: resolve(logFile), level: logLevel ?? DEFAULT_LEVEL },
    metrics: metrics ?? null,
  }
}

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8)
LOOPBACK.addAddress('::1', 'ipv6')

/** Whether only this machine can reach an address. */
function isLocal(host: string): boolean {
  const version = isIP(host)
  return version !== 0 && LOOPBACK.check(host, version === 6 ? 'ipv6' : 'ipv4')
}

/** ADDRESS:PORT, with an IPv6 address in brackets. @throws {UsageError} USAGE_VALUE */
function metricsAddress(text: string): MetricsAddress {
  const [, six, four, digits] = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? []
  const [host, port] = [six ?? (four === 'localhost' ? '127.0.0.1' : four) ?? '', Number(digits)]
  if (isIP(host) !== 0 && port <= MAX_PORT) return { host, port }
  throw new UsageError({
    code: 'USAGE_VALUE',
    what: `--metrics ${JSON.stringify(text)}: expected an IP address and a port`,
    hint: 'Give --metrics 127.0.0.1:9464, or [::1]:9464.',
  })
}
