/**
 * A fingerprinted record: what a directory holds of work that can be gone on with, and of which work. The files that it
 * names are written before it, and it is replaced last: whatever interrupts, it names whole files of one moment.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { differencesInWords, type Fingerprint } from './fingerprint.ts'
import { readSealed, storeSealed } from './sealed-record.ts'

/** `told`: in what the work there differs, after "another". */
type Found<Value> = { is: 'absent' | 'damaged' } | { is: 'other'; told: string } | { is: 'same'; value: Value }

export class RecordFile<Value extends object> {
  /** In a directory. */
  readonly name: string
  private readonly format: number

  /** @param format - another number where an older record cannot be read: it counts as damaged */
  constructor(name: string, format: number) {
    this.name = name
    this.format = format
  }

  /** Whether there is one, of whatever work. */
  liesIn(dir: string): boolean {
    return existsSync(join(dir, this.name))
  }

  /** @param own - of the work that is asked for. @throws {OutputError} OUTPUT_UNWRITABLE */
  find(dir: string, own: Fingerprint): Found<Value> {
    const record = readSealed(join(dir, this.name)) as (Value & Head) | null | undefined
    if (record === undefined) return { is: 'absent' }
    if (record?.format !== this.format) return { is: 'damaged' }
    const told = differencesInWords(record.fingerprint, own)
    return told === null ? { is: 'same', value: record } : { is: 'other', told }
  }

  /** What it names is durable already. @throws {OutputError} OUTPUT_UNWRITABLE */
  async replace(dir: string, fingerprint: Fingerprint, value: Value): Promise<void> {
    const head: Head = { format: this.format, fingerprint }
    await storeSealed(join(dir, this.name), { ...value, ...head })
  }
}

interface Head {
  format: number
  fingerprint: Fingerprint
}
