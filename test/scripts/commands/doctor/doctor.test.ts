import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { findingsInWords } from '../../../../scripts/commands/doctor/finding.ts'
import {
  clockCheck,
  dataCheck,
  diskCheck,
  memoryCheck,
  nodeCheck,
} from '../../../../scripts/commands/doctor/machine.ts'
import { addressCheck } from '../../../../scripts/commands/doctor/network.ts'
import { coppice } from '../../../support/command-line.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { siteText } from '../../../support/sites.ts'

describe('a check of the machine', () => {
  it('refuses a Node that is too old, and a clock that stands before the program', () => {
    assert.deepEqual(
      [nodeCheck('22.9.0').state, nodeCheck('24.0.0').state, nodeCheck('30.1.0').state],
      ['problem', 'ok', 'ok'],
    )
    assert.deepEqual([clockCheck(0, 1).state, clockCheck(2, 1).state], ['problem', 'ok'])
  })

  it('compares what is needed with what is free', async () => {
    assert.deepEqual([(await memoryCheck(1)).state, (await memoryCheck(1e18)).state], ['ok', 'warning'])
    const place = '/somewhere/that/is/not'
    assert.deepEqual(
      [(await diskCheck('data', place, 1)).state, (await diskCheck('data', place, 1e18)).state],
      ['ok', 'problem'],
    )
  })

  it('says that a data directory will be made', async (context) => {
    const data = join(await temporaryDirectory(context), 'new')
    assert.deepEqual(await dataCheck(data), {
      check: 'Data directory',
      state: 'ok',
      finding: `${data} will be made`,
      advice: null,
    })
  })
})

describe('the addresses that others would be told', () => {
  const cases: [string[], string][] = [
    [[], 'problem'],
    [['/ip4/127.0.0.1/tcp/1'], 'problem'],
    [['/ip4/192.168.1.7/tcp/1'], 'warning'],
    [['/ip4/172.31.0.1/tcp/1'], 'warning'],
    [['/ip4/172.32.0.1/tcp/1'], 'ok'],
    [['/dns4/peer.example.org/tcp/1', '/ip4/10.0.0.1/tcp/1'], 'ok'],
  ]
  for (const [addresses, state] of cases)
    it(`are ${state}: ${addresses}`, () => assert.equal(addressCheck(addresses).state, state))
})

describe('coppice doctor', () => {
  it('says of each check what it finds, and what to do', async (context) => {
    const directory = await temporaryDirectory(context)
    const options = [
      '--text',
      siteText(directory, 0),
      '--data',
      join(directory, 'data'),
      '--listen',
      '/ip4/127.0.0.1/tcp/0',
    ]
    const { exit, stdout } = await coppice('doctor', ...options, '--windows', '2000', '--window', '64', '--json')
    assert.equal(exit, 3)
    const report = JSON.parse(stdout)
    const states = Object.fromEntries(
      report.checks.map((one: { check: string; state: string }) => [one.check, one.state]),
    )
    assert.deepEqual([states.Model, states.Text, states.Port, states.Addresses], ['ok', 'problem', 'ok', 'problem'])
    assert.equal(report.ok, false)
    assert.match(findingsInWords(report), /^PROBLEM Text: .+\n {8}Give a longer text/m)
  })
})
