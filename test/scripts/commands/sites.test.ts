import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { perplexityText } from '../../../scripts/terminal/numbers.ts'
import { coppice } from '../../support/command-line.ts'
import { temporaryDirectory } from '../../support/nodes.ts'
import { fixturePath } from '../../support/shared.ts'
import { SiteProcess, siteText } from '../../support/sites.ts'

const MODEL = ['--model', fixturePath('stories260k')]
const PLAN = [...MODEL, '--pruner', 'wanda', '--windows', '2', '--window', '64']

test('two sites in one working directory end with one root, and their results lie side by side', async (context) => {
  const directory = await temporaryDirectory(context)
  const [a, b] = [siteText(directory, 0), siteText(directory, 1)]
  const founder = new SiteProcess(context, directory, 'peer', '--members', '2', '--text', a, ...PLAN)
  const joiner = new SiteProcess(context, directory, 'join', await founder.invitation(), ...MODEL, '--text', b)
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
      'model',
      'plan.cbor',
      'report.html',
      'report.json',
    ])
  }
  const reports = outs.map((out) => JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')))
  assert.equal(reports[0].root, reports[1].root)
  assert.deepEqual(new Set(reports.map(({ out }) => out)), new Set(outs))
  for (const { stdout } of ended)
    assert.match(stdout, new RegExp(`^The sites agreed on this model: ${reports[0].root}$`, 'm'))
  for (const { stdout } of ended) {
    // The two sites race for the two names.
    const i = outs.findIndex((out) => stdout.includes(`Model: ${join(out, 'model')}\n`))
    const [{ base, alone, together }] = reports[i].perplexity
    const values = [base, alone, together].map(perplexityText)
    const said = `perplexity on your text kept out: base ${values[0]}, alone ${values[1]}, together ${values[2]} `
    assert.ok(stdout.includes(said), `${said}\n${stdout}`)
    const card = readFileSync(join(outs[i], 'model', 'README.md'), 'utf8')
    assert.ok(card.includes(`| text 1 | ${values[0]} | ${values[2]} |`) && card.includes(reports[0].root), card)
    assert.ok(!card.includes(directory) && !card.includes('.txt'), 'no path and no name of a text')
    const other = reports[1 - i].peer
    for (const { round, to, hash } of reports[i].left.contributions) {
      assert.deepEqual([round, to], [1, [other]])
      assert.ok(readdirSync(join(outs[i], 'contributions')).includes(hash))
    }
    assert.equal(reports[i].left.contributions.length, 5)
  }
  const verified = await coppice('verify', outs[1], ...MODEL, '--json')
  assert.equal(verified.exit, 0, verified.stderr)
  assert.equal(JSON.parse(verified.stdout).root, reports[0].root)
})

test('Ctrl-C stops a founder that waits, and leaves nothing', async (context) => {
  const directory = await temporaryDirectory(context)
  const founder = new SiteProcess(context, directory, 'peer', '--members', '2', '--pruner', 'magnitude')
  await founder.invitation()
  const { exit, stderr } = await founder.stop('SIGINT')
  assert.equal(exit, 130, stderr)
  assert.match(stderr, /^Stopped\. Only the invitation is lost\. .*\n$/m)
  assert.deepEqual(readdirSync(directory), [])
})

test('signals stop sites in the middle of a round, and no model is half-written', async (context) => {
  const directory = await temporaryDirectory(context)
  const [a, b] = [siteText(directory, 0), siteText(directory, 1)]
  const founder = new SiteProcess(context, directory, 'peer', '--members', '2', '--text', a, ...PLAN)
  const joiner = new SiteProcess(context, directory, 'join', await founder.invitation(), ...MODEL, '--text', b)
  await joiner.said('stderr', /^All have signed/m)
  const ended = [await joiner.stop('SIGINT'), await founder.stop('SIGTERM')]
  assert.deepEqual(
    ended.map(({ exit }) => exit),
    [130, 143],
    ended.map(({ stderr }) => stderr).join('\n'),
  )
  // Whoever has made coppice-out removes it, unless the other still has its directory in it then.
  const left = readdirSync(directory, { recursive: true }).map(String).sort()
  const results = left.filter((name) => name.startsWith('coppice-out'))
  assert.ok(
    results.every((name) => name === 'coppice-out'),
    `no results, nor half of them: ${left}`,
  )
  for (const { state } of [founder, joiner]) {
    assert.deepEqual(readdirSync(join(state, 'coppice')).sort(), ['federations', 'peer.key', 'plans.wal'])
  }
})
