/** A whole federation under watch: its lines, its logs and its metrics. */
import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { base58btc } from 'multiformats/bases/base58'
import { identityFromSeed } from '../../../peers/disk/identity.ts'
import type { PeerEvent } from '../../../peers/round/events.ts'
import { eventLine } from '../../../scripts/operate/event-lines.ts'
import { type EventLine, eventSchemas } from '../../../scripts/operate/event-schema.ts'
import { Log } from '../../../scripts/operate/log.ts'
import { PeerMetrics } from '../../../scripts/operate/peer-metrics.ts'
import { PACKAGE_ROOT } from '../../../scripts/paths.ts'
import { federation } from '../../support/federations.ts'
import { temporaryDirectory } from '../../support/nodes.ts'

const MEMBERS = 4
/** That of the invitations of federations in tests. */
const SECRET = new Uint8Array(16).fill(6)

const METRIC = /\b(coppice|libp2p|nodejs|process)_\w+(?=\{)/g

/** The ways in which bytes are written as text. */
function spelt(bytes: Uint8Array): string[] {
  const buffer = Buffer.from(bytes)
  return [
    ...(['hex', 'base64', 'base64url'] as const).map((form) => buffer.toString(form)),
    base58btc.baseEncode(bytes),
  ]
}

/** Samples of a scrape by name and labels: `coppice_phase{phase="serve"}` -> 1. */
function samplesOf(text: string): Map<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]))
}

test('a watched federation', async (context) => {
  const directory = await temporaryDirectory(context)
  const lines: EventLine[] = []
  const logs = Array.from({ length: MEMBERS }, (_, i) => {
    const log = new Log({ file: join(directory, `${i}.log`), level: 'debug' }, assert.fail)
    context.after(() => log[Symbol.dispose]())
    return log
  })
  const metrics = new PeerMetrics()
  let scraped = Promise.resolve('')
  const aside = () => ({ peakMemoryBytes: 0, progress: null })
  const { events, results } = await federation(context, {
    members: MEMBERS,
    topology: 'mesh',
    offer: { rounds: 2 },
    limitMs: 240_000,
    init: (member) => (member === 0 ? { ...metrics.init, aside } : {}),
    onEvent(member, event) {
      const line = eventLine(event)
      logs[member].write(line)
      if (member !== 0) return
      lines.push(line)
      metrics.facts.hear(event)
      // All rounds are over, and the others still need this one.
      if (event.type === 'writing') scraped = metrics.registry.metrics()
    },
  })
  const text = await scraped
  const samples = samplesOf(text)

  await context.test('has lines of the documented shapes', () => {
    for (const line of lines) eventSchemas[line.event].parse(line)
    const kinds = new Set(lines.map(({ event }) => event))
    for (const event of ['listening', 'invitation', 'waiting', 'signing', 'founded', 'round', 'serving'] as const)
      assert.ok(kinds.has(event), event)
    const rounds = lines.filter((line) => line.event === 'round')
    assert.deepEqual(
      rounds.map(({ certificate }) => certificate),
      results[0].certificates,
    )
  })

  await context.test('has them for what did not happen in it', () => {
    const founded = events[0].find(({ type }) => type === 'founded')
    const round = events[0].find(({ type }) => type === 'round')
    assert.ok(founded?.type === 'founded' && round?.type === 'round')
    const masked = { phase: 'keys' as const, opening: null, blocks: [], members: [0, 1, 2] }
    const others: PeerEvent[] = [
      { type: 'retrying', address: '/ip4/127.0.0.1/tcp/1', patienceMs: 60_000 },
      { ...founded, type: 'goingOn', round: 2 },
      { type: 'abstains', refused: 'it is shorter than it was', until: 3 },
      { type: 'lacks', certificate: 'ab'.repeat(32), author: 1, block: 5, id: 'cd'.repeat(32) },
      { type: 'prune', round: 1, done: 1, total: 5 },
      { type: 'note', text: 'prevote nil' },
      { type: 'warning', text: 'a flood' },
      { type: 'round', round: { ...round.round, masked } },
    ]
    for (const event of others) {
      const line = eventLine(event)
      eventSchemas[line.event].parse(line)
    }
    assert.deepEqual(eventLine({ type: 'lacks', certificate: 'a', author: 1, block: 5, id: 'c' }), {
      ...{ event: 'lacks', certificate: 'a', member: 1, block: 5, hash: 'c' },
    })
  })

  await context.test('logs the same with time and level, for its owner alone', () => {
    const path = join(directory, '0.log')
    assert.equal(statSync(path).mode & 0o777, 0o600)
    const logged = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    assert.deepEqual(
      logged.map(({ event }) => event),
      lines.map(({ event }) => event),
    )
    for (const { level, time } of logged) {
      assert.ok(['warn', 'info', 'debug'].includes(level), level)
      assert.equal(new Date(time).toISOString(), time)
    }
  })

  await context.test('keeps keys and invitation out of the logs', async () => {
    const all = logs.map((_, i) => readFileSync(join(directory, `${i}.log`), 'utf8')).join('')
    const line = lines.find(({ event }) => event === 'invitation')
    assert.ok(line?.event === 'invitation')
    const [offer] = line.line.split('#')[1].split('.')
    const secrets = [...spelt(SECRET), line.line, line.line.split('#')[1]]
    for (let i = 0; i < MEMBERS; i++) {
      const { raw } = await identityFromSeed('federation', i)
      secrets.push(...spelt(raw), ...spelt(raw.subarray(0, 32)))
    }
    for (const secret of secrets) assert.ok(!all.includes(secret), secret)
    assert.ok(line.line.endsWith(`${offer}.${spelt(SECRET)[0]}`), 'the secret that is looked for is the right one')
    assert.match(all, /"event":"invitation","line":"\[redacted\]"/)
    assert.match(all, new RegExp(results[1].peerId), 'logs have what is no secret')
  })

  await context.test('counts what the members did', () => {
    const expected = {
      'coppice_phase{phase="serve"}': 1,
      'coppice_phase{phase="founding"}': 0,
      coppice_members: MEMBERS,
      coppice_rounds: 2,
      coppice_rounds_certified: 2,
      coppice_messages_rejected_total: 0,
    }
    for (const [name, value] of Object.entries(expected)) assert.equal(samples.get(name), value, name)
    assert.ok((samples.get('coppice_sent_bytes_total') ?? 0) > 1000)
    assert.ok((samples.get('coppice_neighbours') ?? 0) >= 1)
    assert.ok((samples.get('coppice_members_heard') ?? 0) >= 3, 'a quorum')
    const silences = [...samples].filter(([name]) => name.startsWith('coppice_member_silence_seconds{member="site '))
    assert.ok(silences.length >= 2, 'a quorum, less this one')
    for (const [name, seconds] of silences) assert.ok(seconds >= 0 && seconds < 60, name)
  })

  await context.test('has every metric of the board', () => {
    const names = new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name))
    const board = JSON.parse(readFileSync(join(PACKAGE_ROOT, 'deploy/grafana-board.json'), 'utf8'))
    const expressions: string[] = board.panels.flatMap(({ targets }: { targets: Array<{ expr: string }> }) =>
      targets.map(({ expr }) => expr),
    )
    const asked = expressions.flatMap((expression) => [...expression.matchAll(METRIC)].map(([name]) => name))
    assert.ok(asked.length >= expressions.length && expressions.length > 20)
    assert.deepEqual(
      asked.filter((name) => !names.has(name)),
      [],
    )
    assert.match(board.templating.list[1].query.query, /^label_values\(coppice_build, instance\)$/)
  })

  await context.test('has no metric that is not documented', () => {
    const page = readFileSync(join(PACKAGE_ROOT, 'docs/reference/logs-and-metrics.md'), 'utf8')
    const names = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name)
    assert.deepEqual(
      names.filter((name) => !page.includes(`\`${name}\``)),
      [],
    )
  })
})
