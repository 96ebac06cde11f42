/**
 * Loaded before a command (`node --import`), in a process that a test starts. It writes down what the process does to
 * its files, one line a deed, into the file that COPPICE_DEEDS names, and kills the process at the deed that
 * COPPICE_KILL_AT describes (a regular expression), as a power cut would.
 *
 * A deed is a moment, a verb, and the name of the file from the data or output directory on, with "ID" for ids; for a
 * journal, and the log in which its records are counted, also the kind and the round of its last record; for secrets
 * how far they have served; for a masked vector what it is:
 *   before rename blobs/ID 0a1b2c3d    after sync journal.wal prevote 2    after mkdir merges/ID
 *   after rename secrets received used 1 forgotten 0                        after rename blobs/ID 0a1b2c3d own vector
 */
import { appendFileSync, closeSync, openSync, readFileSync, readSync } from 'node:fs'
import fs, { type FileHandle } from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { isMainThread } from 'node:worker_threads'
import { decodeSecrets } from '../../../peers/masked/secrets-form.ts'
import { decodeBody } from '../../../protocols/round/messages/messages.ts'
import { HASH_BYTES } from '../../../protocols/wire/encoding.ts'

const { COPPICE_DEEDS: deeds, COPPICE_KILL_AT: killAt } = process.env
// Whoever this process starts is not killed.
delete process.env['COPPICE_KILL_AT']
const wanted = killAt === undefined || !isMainThread ? null : new RegExp(killAt)

function deed(text: string): void {
  if (deeds !== undefined) appendFileSync(deeds, `${process.pid} ${text}\n`)
  if (wanted?.test(text)) process.kill(process.pid, 'SIGKILL')
}

/** The path from the directory on that says what it is for. */
function shown(path: unknown): string {
  const name = String(path)
    .replace(/^.*\/out-[^/]*/, 'out')
    .replace(/^.*\/(?:federations\/[0-9a-f]{64}|coppice)\//, '')
  const id = /[0-9a-f]{64}/.exec(name)?.[0]
  return id === undefined ? name : `${name.replace(id, 'ID')} ${id.slice(0, 8)}`
}

/** The kind of a file that gets this name: for secrets how far they have served, for a blob whether it is masked. */
function kindOf(file: string, name: unknown): string {
  if (/\/secrets$/.test(String(name))) return ` ${stateOf(readFileSync(file))}`
  if (!/\/blobs\/[0-9a-f]{64}$/.test(String(name)) || magicOf(file) !== 'COPV') return ''
  return file.endsWith('.part') ? ' vector' : ' own vector' // one that is fetched is there in parts first
}

function stateOf(bytes: Uint8Array): string {
  const kept = decodeSecrets(new Uint8Array(bytes))
  if (kept === null) return 'damaged'
  const used = kept.openings.filter((opening) => opening.used !== null).length
  const forgotten = kept.openings.filter((opening) => opening.secrets === null).length
  const phase = kept.privateKey === null ? 'received' : kept.sheet === null ? 'drawn' : 'dealt'
  const revealed = kept.openings.filter((opening) => opening.reveal !== null).length
  return `${phase} used ${used} forgotten ${forgotten}${revealed > 0 ? ' revealed' : ''}`
}

function magicOf(file: string): string {
  const bytes = Buffer.alloc(4)
  const descriptor = openSync(file, 'r')
  readSync(descriptor, bytes, 0, bytes.length, 0)
  closeSync(descriptor)
  return bytes.toString('latin1')
}

/** The name of the log that a handle writes to. */
const logs = new WeakMap<object, string>()
let record = ''

/** The bytes of length and checksum in front of a record: see peers/disk/write-ahead-log.ts. */
const HEADER_BYTES = 8

function recordOf(bytes: Uint8Array): string {
  const body = decodeBody(bytes.slice(HEADER_BYTES + HASH_BYTES))
  return `${body.type} ${'round' in body ? body.round : 0}`
}

const { mkdir, open, rename } = fs
const patched = {
  async rename(from: string, to: string) {
    const text = `rename ${shown(to)}${kindOf(from, to)}`
    deed(`before ${text}`)
    await rename(from, to)
    deed(`after ${text}`)
  },
  async mkdir(path: string, ...options: []) {
    const made = await mkdir(path, ...options)
    deed(`after mkdir ${shown(path)}`)
    return made
  },
  async open(path: string, ...options: []) {
    const handle = await open(path, ...options)
    if (/\.wal$/.test(String(path))) logs.set(handle, shown(path))
    return handle
  },
}
Object.assign(fs, patched)
syncBuiltinESMExports()

const some = await open(new URL(import.meta.url))
const handles: FileHandle = Object.getPrototypeOf(some)
await some.close()
const { appendFile, datasync } = handles
handles.appendFile = async function (this: FileHandle, data, ...options) {
  if (logs.get(this) === 'journal.wal' && data instanceof Uint8Array) record = recordOf(data)
  await appendFile.call(this, data, ...options)
}
handles.datasync = async function (this: FileHandle) {
  await datasync.call(this)
  const log = logs.get(this)
  if (log !== undefined) deed(`after sync ${log}${record === '' ? '' : ` ${record}`}`)
}
