import assert from 'node:assert/strict'
import { test } from 'node:test'
import { firstBeat } from '../../../peers/round/beat.ts'
import { decodeBody, encodeBody, type Status } from '../../../protocols/round/messages/messages.ts'

test('a status can be sent whatever the clock says', () => {
  for (const date of [-8.64e15, -1, 0, 999, Date.UTC(1969, 11, 31), Date.UTC(2026, 1), Date.UTC(2200, 1), 8.64e15]) {
    const status: Status = {
      type: 'status',
      round: 1,
      step: 'collect',
      attempt: 0,
      certificate: null,
      beat: firstBeat(date),
    }
    assert.deepEqual(decodeBody(encodeBody(status)), status, `${date}`)
  }
  assert.equal(firstBeat(1_700_000_000_999), 1_700_000_000)
})
