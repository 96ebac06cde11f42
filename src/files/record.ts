/**
 * A fingerprinted record: it names the unfinished work in a directory, and the files that belong to it. Those files are
 * written first and the record last. So whenever a process is interrupted, the record names whole files of one moment.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { differencesInWords, type Fingerprint } from './fingerprint.ts'
import { readSealed, storeSealed } from './sealed-record.ts'

/** `told`: the differences from the work there, to follow the word "another". */
type Found<Value> = { is: 'absent' | 'damaged' } | { is: 'other'; told: string } | { is: 'same'; value: Value }

export class RecordFile<Value extends object> {
  /** The file name of the record. */
  readonly name: string
  private readonly format: number

  /** @param format - a number that changes when older records can no longer be read: these count as damaged */
  constructor(name: string, format: number) {
    this.name = name
    this.format = format
  }

  /** Whether a directory has a record, of any work. */
  liesIn(dir: string): boolean {
    return existsSync(join(dir, this.name))
  }

  /** @param own - the fingerprint of the work that is asked for. @throws {OutputError} OUTPUT_UNWRITABLE */
  find(dir: string, own: Fingerprint): Found<Value> {
    const record = readSealed(join(dir, this.name)) as (Value & Head) | null | undefined
    if (record === undefined) return { is: 'absent' }
    if (record?.format !== this.format) return { is: 'damaged' }
    const told = differencesInWords(record.fingerprint, own)
    return told === null ? { is: 'same', value: record } : { is: 'other', told }
  }

  /** Replaces the record. The files that it names must be durable already. @throws {OutputError} OUTPUT_UNWRITABLE */
  async replace(dir: string, fingerprint: Fingerprint, value: Value): Promise<void> {
    const head: Head = { format: this.format, fingerprint }
    await storeSealed(join(dir, this.name), { ...value, ...head })
  }
}

interface Head {
  format: number
  fingerprint: Fingerprint
}
