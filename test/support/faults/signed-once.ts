/** Reads the journal of a peer as evidence. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseRecords } from '../../../peers/disk/write-ahead-log.ts'
import { decodeBody, isBinding, placeOf } from '../../../protocols/round/messages/messages.ts'
import { HASH_BYTES } from '../../../protocols/wire/encoding.ts'

/**
 * Asserts that a journal has at most one body for each place. Returns the number of places.
 * @param federation - its directory
 */
export function signedOnce(federation: string): number {
  const path = join(federation, 'journal.wal')
  const { records } = parseRecords(path, new Uint8Array(readFileSync(path)))
  const places = records
    .map((record) => decodeBody(record.subarray(HASH_BYTES)))
    .filter(isBinding)
    .map(placeOf)
  assert.equal(new Set(places).size, places.length, `${path}: ${places}`)
  return places.length
}
