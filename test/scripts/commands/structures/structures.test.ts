import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { coppice } from '../../../support/command-line.ts'

describe('coppice structures', () => {
  it('prints the tensors that each unit takes with it, and the parameters that ratios would leave', async () => {
    const { exit, stdout, stderr } = await coppice('structures')
    assert.equal(exit, 0, stderr)
    assert.match(stdout, /^0-5 {2}heads +2 +49,152 /m)
    assert.match(stdout, /^ {2}96 inputs of .*o_proj$/m)
    assert.match(stdout, /^0\.1 +0 +312 +2,575,296 /m)
  })

  it('prints the same as one object under --json', async () => {
    const { exit, stdout, stderr } = await coppice('structures', '--json')
    assert.equal(exit, 0, stderr)
    const report = JSON.parse(stdout)
    assert.deepEqual(Object.keys(report), ['model', 'parameters', 'blocks', 'structures', 'ratios'])
    assert.deepEqual(report.ratios[4], { ratio: 0.5, heads: 6, queries: 0, channels: 1536, parameters: 1_179_648 })
    assert.equal(report.structures[1].members.length, 3)
  })
})
