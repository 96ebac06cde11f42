/** A founder that waits, as doctor, status and a dry run of join see it. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { status } from '../../../../scripts/commands/status/handler.ts'
import { Meter } from '../../../../scripts/progress/meter.ts'
import { Terminal } from '../../../../scripts/terminal/terminal.ts'
import { coppice, Recorder } from '../../../support/command-line.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath } from '../../../support/shared.ts'
import { SiteProcess } from '../../../support/sites.ts'

test('a founder that waits is asked, watched, and not joined', async (context) => {
  const directory = await temporaryDirectory(context)
  const model = ['--model', fixturePath('stories260k')]
  const listen = ['--listen', '/ip4/127.0.0.1/tcp/0']
  const plan = ['--members', '2', '--pruner', 'magnitude']
  const founder = new SiteProcess(context, directory, 'peer', ...model, ...plan, ...listen, '--json')
  const line = await founder.invitation()
  const data = join(founder.state, 'coppice')

  await context.test('doctor reaches it, and has the same model', async () => {
    const own = ['--data', join(directory, 'data'), '--no-listen', '--json']
    const { exit, stdout } = await coppice('doctor', line, ...model, ...own)
    const { checks, ok } = JSON.parse(stdout)
    const states = Object.fromEntries(checks.map((one: { check: string; state: string }) => [one.check, one.state]))
    const { Invitation, Memory, Places } = states
    assert.deepEqual([Invitation, Places, states['Same model'], Memory], ['ok', 'ok', 'ok', 'ok'])
    assert.deepEqual([ok, exit], [true, 0])
    assert.match(stdout, /about \d+ MB are needed for this model and text/)
  })

  await context.test('a dry run of join takes the plan from it, and joins nothing', async () => {
    const out = join(directory, 'out')
    const own = ['--data', join(directory, 'data'), '--out', out, '--dry-run', '--json']
    const { exit, stdout, stderr } = await coppice('join', line, ...model, ...own)
    assert.equal(exit, 0, stderr)
    const { forecast } = JSON.parse(stdout)
    for (const value of [forecast.seconds, forecast.peakMemoryBytes, forecast.disk.most, forecast.sentBytes])
      assert.ok(value > 0)
    assert.match(stderr, /^What will leave this site:$/m)
  })

  await context.test('status --watch tells again and again how it is, until it is stopped', async () => {
    const stop = new AbortController()
    const stdout = new Recorder()
    const write = (text: string) => {
      stdout.write(text)
      if (stdout.text.split('\n').length > 2) stop.abort()
    }
    const terminal = new Terminal({ stdout: { write }, stderr: new Recorder(), json: true })
    const watched = { data, name: null, id: '', json: true, watch: true }
    assert.equal(await status(watched, { terminal, meter: new Meter(terminal.work), signal: stop.signal }), null)
    const told = stdout.text
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text))
    assert.deepEqual(
      told.map(({ phase, members, running }) => [phase, members.length, running]),
      [
        ['founding', 1, true],
        ['founding', 1, true],
      ],
    )
  })

  assert.equal((await founder.stop('SIGTERM')).exit, 143)
})
