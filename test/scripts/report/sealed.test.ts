import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { reportFault, sealedReport } from '../../../scripts/report/sealed.ts'

const outcome = { federation: 'ab'.repeat(32), root: 'cd'.repeat(32) }
const simulated = { plan: { id: outcome.federation }, result: { root: outcome.root }, seconds: 1.25, text: 'Ähre' }
const member = { ...outcome, peer: '12D3Koo', certificates: [] }

describe('a report with its digest', () => {
  it('is in order as it was written', () => {
    for (const report of [simulated, member]) assert.equal(reportFault(sealedReport(report), outcome), null)
  })

  it('is not with any bit flipped', () => {
    const bytes = Buffer.from(sealedReport(simulated))
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const copy = Buffer.from(bytes)
      copy[bit >> 3] ^= 1 << (bit & 7)
      assert.notEqual(reportFault(copy.toString(), outcome), null, `bit ${bit}`)
    }
  })

  it('is not without a digest, with other line breaks, or as another kind of JSON', () => {
    assert.match(reportFault(`${JSON.stringify(member, null, 2)}\n`, outcome) ?? '', /digest/)
    assert.match(reportFault(sealedReport(member).trimEnd(), outcome) ?? '', /digest/)
    for (const text of ['[]', 'null', '1']) assert.match(reportFault(text, outcome) ?? '', /no report/)
    assert.match(reportFault('{', outcome) ?? '', /no JSON/)
  })

  it('must be of the federation and name the root that were verified, however well sealed', () => {
    const [federation, root] = ['00'.repeat(32), '11'.repeat(32)]
    assert.match(reportFault(sealedReport({ ...member, federation }), outcome) ?? '', /another federation/)
    assert.match(reportFault(sealedReport({ ...member, root }), outcome) ?? '', /another root/)
    assert.match(reportFault(sealedReport({ ...simulated, plan: { id: federation } }), outcome) ?? '', /federation/)
    assert.match(reportFault(sealedReport({ ...simulated, result: { root } }), outcome) ?? '', /root/)
  })
})
