/** A site in a process of its own, whose options come from a file: it waits, and is stopped. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { temporaryDirectory } from '../../support/nodes.ts'
import { fixturePath } from '../../support/shared.ts'
import { SiteProcess } from '../../support/sites.ts'

test('a founder that waits tells its invitation at once, on stdout alone, and its end everywhere', async (context) => {
  const directory = await temporaryDirectory(context)
  const log = join(directory, 'log')
  const config = join(directory, 'config.json')
  const options = {
    ...{ model: fixturePath('stories260k'), members: 2, pruner: 'magnitude', listen: '/ip4/127.0.0.1/tcp/0' },
    ...{ json: 'lines', 'log-file': log, metrics: '127.0.0.1:0' },
  }
  writeFileSync(config, JSON.stringify(options))
  const founder = new SiteProcess(context, directory, 'peer', '--config', config)
  const [, secret] = await founder.said('stdout', /^\{"event":"invitation",.*"line":"[^"]+\.([0-9a-f]{32})"\}$/m)
  const [, url] = await founder.said('stderr', /^Metrics: (http:\S+)$/m)
  assert.match(await (await fetch(url)).text(), /^coppice_phase\{phase="founding"\} 1$/m)
  await founder.said('stdout', /"event":"waiting"/)

  const { exit, stdout } = await founder.stop('SIGTERM')
  assert.equal(exit, 143)
  const events = (text: string) =>
    text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
  const told = events(stdout)
  assert.deepEqual(
    told.map(({ event }) => event),
    ['start', 'listening', 'invitation', 'waiting', 'error'],
  )
  assert.deepEqual([told[0].command, told[4].code, told[4].exit], ['peer', 'INTERRUPTED', 143])
  const text = readFileSync(log, 'utf8')
  assert.ok(!text.includes(secret))
  assert.deepEqual(
    events(text).map(({ level, event }) => [level, event]),
    told.map(({ event }) => ['info', event]),
  )
})
