import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../peers/support.ts'
import { coppice } from './command-line.ts'
import { SiteProcess, siteText } from './sites.ts'

const PLAN = ['--pruner', 'wanda', '--windows', '2', '--window', '64']

test('two sites in one working directory end with one root, and their results lie side by side', async (context) => {
  const directory = await temporaryDirectory(context)
  const [a, b] = [siteText(directory, 0), siteText(directory, 1)]
  const founder = new SiteProcess(context, directory, 'peer', '--members', '2', '--text', a, ...PLAN)
  const joiner = new SiteProcess(context, directory, 'join', await founder.invitation(), '--text', b)
  const ended = await Promise.all([founder.ended, joiner.ended])
  assert.deepEqual(
    ended.map(({ exit }) => exit),
    [0, 0],
    ended.map(({ stderr }) => stderr).join('\n'),
  )
  const names = readdirSync(join(directory, 'coppice-out')).sort()
  assert.match(names[0], /^[0-9a-f]{8}$/)
  assert.deepEqual(names, [names[0], `${names[0]}-2`])
  const outs = names.map((name) => join(directory, 'coppice-out', name))
  for (const out of outs) {
    assert.deepEqual(readdirSync(out).sort(), [
      'certificates',
      'contributions',
      'data',
      'model',
      'plan.cbor',
      'report.json',
    ])
  }
  const reports = outs.map((out) => JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')))
  assert.equal(reports[0].root, reports[1].root)
  assert.deepEqual(new Set(reports.map(({ out }) => out)), new Set(outs))
  for (const { stdout } of ended) assert.match(stdout, new RegExp(`^root ${reports[0].root}$`, 'm'))
  const verified = await coppice('verify', outs[1], '--json')
  assert.equal(verified.exit, 0, verified.stderr)
  assert.equal(JSON.parse(verified.stdout).root, reports[0].root)
})
