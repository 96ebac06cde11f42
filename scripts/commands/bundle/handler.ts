/** The work of `coppice bundle`: a gzipped tar of the results, whose bytes follow from theirs. */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync, rmSync, statSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { create } from 'tar'
import { readSignedPlan } from '../../../peers/verify/directory.ts'
import { id8, toHex } from '../../../protocols/wire/encoding.ts'
import { OutputError } from '../../../src/base/errors.ts'
import { unwritable } from '../../../src/base/system-errors.ts'
import type { Run } from '../../command.ts'
import { bytes, counted } from '../../terminal/numbers.ts'
import { contentsOf } from './contents.ts'
import type { BundleOptions } from './options.ts'

interface BundleReport {
  /** Path of the bundle, absolute; its length and SHA-256. */
  file: string
  bytes: number
  sha256: string
  /** The federation's id, and the number of files in the bundle. */
  federation: string
  files: number
  /** Entries of the directory that are not in it. */
  left: string[]
}

/** Files have no date, so that results that are the same give bundles that are. */
const NO_DATE = new Date(0)

/**
 * @throws {InputError} as contentsOf does; VERIFY_MISSING
 * @throws {DivergedError} VERIFY_FAILED: the plan is damaged
 * @throws {OutputError} OUTPUT_EXISTS, OUTPUT_UNWRITABLE
 */
export async function bundle({ directory, out }: BundleOptions, { terminal, signal }: Run): Promise<BundleReport> {
  const { files, left } = contentsOf(directory)
  const { plan } = readSignedPlan(directory)
  const name = `coppice-${id8(plan.id)}`
  const file = out ?? resolve(`${name}.tar.gz`)
  if (existsSync(file)) throw exists(file)
  terminal.stage('Bundling')
  const part = `${file}.${process.pid}.part`
  try {
    await pipeline(tarOf(directory, name, files), createWriteStream(part, { flags: 'wx' }), { signal })
    await rename(part, file)
  } catch (error) {
    rmSync(part, { force: true })
    signal.throwIfAborted()
    throw unwritable(file, error)
  }
  const report = {
    file,
    bytes: statSync(file).size,
    sha256: await sha256Of(file),
    federation: toHex(plan.id),
    files: files.length,
    left,
  }
  terminal.say(summary(report, name))
  if (left.length > 0) terminal.note(`Not in it: ${left.join(', ')}.`)
  return report
}

/** No owner, no date and no device is in it, and the files are in the order of their names. */
function tarOf(cwd: string, prefix: string, files: string[]): NodeJS.ReadableStream {
  const options = { cwd, prefix, portable: true, mtime: NO_DATE, noDirRecurse: true, strict: true, jobs: 1 }
  return create({ ...options, gzip: { portable: true } }, files) as unknown as NodeJS.ReadableStream
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(file)) hash.update(piece)
  return hash.digest('hex')
}

function summary({ file, files, ...told }: BundleReport, name: string): string {
  return [
    `${file}: ${bytes(told.bytes)}, ${counted(files, 'file')}`,
    `SHA-256 ${told.sha256}`,
    'It has no key, no text and no log in it. Whoever gets it unpacks and checks it, with the base model:',
    `  tar xzf ${basename(file)}`,
    `  npx --no-install coppice verify ${name} --model base`,
  ].join('\n')
}

function exists(file: string): OutputError {
  return new OutputError({
    code: 'OUTPUT_EXISTS',
    what: `${file} exists`,
    hint: 'Remove it, or give --out another name.',
  })
}
