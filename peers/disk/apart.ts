/** DATA and OUT must lie apart: OUT is given away for verification, and must not contain the site's key. */
import { realpath } from 'node:fs/promises'
import { basename, dirname, join, relative, sep } from 'node:path'
import { OutputError } from '../../src/base/errors.ts'
import type { OutPlace } from './out-directory.ts'

/** @throws {OutputError} OUTPUT_DATA_INSIDE: one of them lies inside the other, also by way of links */
export async function assertApart(data: string, place: OutPlace): Promise<void> {
  const out = 'out' in place ? place.out : place.parent
  const [realData, realOut] = await Promise.all([data, out].map(resolved))
  const inside = isInside(realData, realOut) ? [data, out] : isInside(realOut, realData) ? [out, data] : null
  if (inside === null) return
  throw new OutputError({
    code: 'OUTPUT_DATA_INSIDE',
    what: `${inside[0]} ${inside[0] === inside[1] ? 'is both data and output directory' : `lies in ${inside[1]}`}`,
    hint: `Results are handed on, the site's key is not: give --data a directory outside of ${out}, or --out another one.`,
  })
}

/** The path without links, as far as it exists; the rest is unchanged. */
async function resolved(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch {
    const parent = dirname(path)
    return parent === path ? path : join(await resolved(parent), basename(path))
  }
}

function isInside(path: string, directory: string): boolean {
  const way = relative(directory, path)
  return way !== '..' && !way.startsWith(`..${sep}`) && !isOtherRoot(way)
}

/** Whether `way` leads to another drive: on Windows there is no relative path to one. */
function isOtherRoot(way: string): boolean {
  return /^[a-z]:|^\\\\/i.test(way)
}
