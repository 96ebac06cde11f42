/** The checks of the machine: Node, clock, memory, disk, data directory. */
import { existsSync, statSync } from 'node:fs'
import { access, constants, readFile, statfs } from 'node:fs/promises'
import { freemem } from 'node:os'
import { dirname, join } from 'node:path'
import { askPeer } from '../../../peers/status/socket.ts'
import { PACKAGE_ROOT } from '../../paths.ts'
import { bytes } from '../../terminal/numbers.ts'
import { type Finding, fine, problem, warning } from './finding.ts'

const NEEDED_NODE = 24

export function nodeCheck(version = process.versions.node): Finding {
  const found = `version ${version}`
  if (Number(version.split('.')[0]) >= NEEDED_NODE) return fine('Node', found)
  return problem('Node', found, `Install Node ${NEEDED_NODE} or newer.`)
}

/** No other clock is asked, since nothing here talks to strangers; one before this program was installed is wrong. */
export function clockCheck(now: number, made = statSync(join(PACKAGE_ROOT, 'package.json')).mtimeMs): Finding {
  const found = `it is ${new Date(now).toISOString().slice(0, 'yyyy-mm-ddThh:mm'.length).replace('T', ' ')} UTC here`
  if (now >= made) return fine('Clock', found)
  return problem(
    'Clock',
    `${found}, which is before this program was installed`,
    'Set the clock: timedatectl set-ntp true',
  )
}

/** @param needed - bytes, as forecast for the model and the text; null: not known */
export async function memoryCheck(needed: number | null): Promise<Finding> {
  const free = await freeMemory()
  const found = `${bytes(free)} are free`
  if (needed === null) return fine('Memory', found)
  const wanted = `${found}, about ${bytes(needed)} are needed for this model and text`
  if (free >= needed) return fine('Memory', wanted)
  return warning('Memory', wanted, 'Close other programs, or give --windows and --window smaller numbers.')
}

/** Linux tells what programs can have; elsewhere only what lies idle is known. */
async function freeMemory(): Promise<number> {
  const info = await readFile('/proc/meminfo', 'utf8').catch(() => '')
  const kilobytes = /^MemAvailable:\s+(\d+) kB/m.exec(info)?.[1]
  return kilobytes === undefined ? freemem() : Number(kilobytes) * 1024
}

/** @param needed - bytes; null: not known */
export async function diskCheck(what: string, path: string, needed: number | null): Promise<Finding> {
  const place = existing(path)
  const { bavail, bsize } = await statfs(place)
  const free = bavail * bsize
  const found = `${bytes(free)} are free for the ${what} in ${path}`
  if (needed === null || free >= needed) return fine('Disk', found)
  return problem(
    'Disk',
    `${found}, about ${bytes(needed)} are needed`,
    'Make room there, or name another directory with --data and --out.',
  )
}

export async function dataCheck(data: string): Promise<Finding> {
  const place = existing(data)
  const isOpen = await access(place, constants.W_OK).then(
    () => true,
    () => false,
  )
  if (!isOpen)
    return problem('Data directory', `${place} cannot be written`, 'Give --data a directory of this account.')
  if ((await askPeer(data, 'status')) !== null)
    return warning(
      'Data directory',
      `a peer runs with ${data}`,
      `To see what it does: npx --no-install coppice status --data ${data}`,
    )
  return fine('Data directory', place === data ? data : `${data} will be made`)
}

/** The nearest directory above a path that is there. */
function existing(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : existing(dirname(path))
}
