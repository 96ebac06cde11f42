/** The one object of --json, key by key: names and keys are relied on. That of simulate is in simulate.test.ts. */
import assert from 'node:assert/strict'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { type EventLine, eventSchemas } from '../../../scripts/operate/event-schema.ts'
import {
  layersSchema,
  machineSchema,
  memberReportSchema,
  prunedLayersSchema,
  timesSchema,
} from '../../../scripts/operate/report-schema.ts'
import { coppice, type Ended } from '../../support/command-line.ts'
import { temporaryDirectory } from '../../support/nodes.ts'
import { calibrationSchema } from '../../support/pages/schemas.ts'
import { fixturePath } from '../../support/shared.ts'
import { SiteProcess, siteText } from '../../support/sites.ts'

const count = z.number().int().nonnegative()
const share = z.number().min(0).max(1)
const hash = z.string().regex(/^[0-9a-f]{64}$/)
const measured = z.number().positive()
const shape = z.tuple([count, count])

const unpruned = z.strictObject({ name: z.string(), block: count, weights: count, zeros: count, reason: z.string() })

const pruneSchema = z.strictObject({
  model: z.string(),
  pruner: z.enum(['sparsegpt', 'wanda', 'magnitude']),
  sparsity: share,
  zeros: count,
  weights: count,
  baseZeros: count,
  calibration: calibrationSchema.nullable(),
  layers: prunedLayersSchema,
  unpruned: z.array(unpruned),
  perplexity: z.array(
    z.strictObject({ text: z.string(), tokens: count, window: count, dense: measured, pruned: measured }),
  ),
  seconds: z.strictObject({
    total: measured,
    forward: z.number(),
    statistics: z.number(),
    solve: z.number(),
    write: z.number(),
  }),
  machine: machineSchema,
  peakMemoryBytes: count,
  out: z.string(),
})

const evaluateSchema = z.strictObject({
  model: z.string(),
  texts: z.array(
    z.strictObject({ file: z.string(), perplexity: measured, tokens: count, windows: count, window: count }),
  ),
})

const modelSchema = z.strictObject({
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  types: z.array(z.string()),
  bytes: count,
  parameters: count,
  blocks: count,
  layers: z.array(z.strictObject({ name: z.string(), block: count, shape, zeros: count })),
  unpruned: z.array(unpruned),
})

/** A report of an open plan, whose rule of merging tells nothing of liars. */
const memberSchema = z.strictObject({
  ...memberReportSchema.shape,
  certified: z.null(),
  errorOf: z.literal('sites'),
  layers: layersSchema,
  times: timesSchema,
})

const verifySchema = z.strictObject({
  federation: hash,
  rounds: count,
  signatures: count,
  root: hash,
  notes: z.array(z.string()),
  sums: z.null(), // this plan is open
  certified: z.null(),
  ok: z.literal(true),
})

/** stdout is one line, and that is the object. */
function only<T>(schema: z.ZodType<T>, { exit, stdout, stderr }: Ended): T {
  assert.equal(exit, 0, stderr)
  assert.equal(stdout.indexOf('\n'), stdout.length - 1, stdout)
  return schema.parse(JSON.parse(stdout))
}

/** Each line on stdout is an event of a documented shape, with its time. */
function linesOf({ exit, stdout, stderr }: Ended): EventLine[] {
  assert.equal(exit, 0, stderr)
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  return lines.map(({ time, ...line }: { time: string } & EventLine) => {
    assert.equal(new Date(time).toISOString(), time)
    return eventSchemas[line.event].parse(line)
  })
}

/** The log has the same events, and nothing of the invitation but the address. */
function assertLogged(log: string, lines: readonly EventLine[], invitation: string): void {
  const logged = log
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(
    logged.map(({ event }) => event),
    lines.map(({ event }) => event),
  )
  const [, secret] = invitation.split('.').slice(-2)
  assert.match(secret, /^[0-9a-f]{32}$/)
  assert.ok(!log.includes(secret))
}

for (const pruner of ['sparsegpt', 'magnitude']) {
  test(`prune --json under ${pruner}, and evaluate and inspect the written model`, async (context) => {
    const directory = await temporaryDirectory(context)
    const text = siteText(directory, 0)
    const out = join(directory, 'pruned')
    const model = ['--model', fixturePath('stories260k')]
    const windows = ['--windows', '2', '--window', '64']
    const evaluation = ['--eval', text, '--eval-tokens', '128', '--eval-window', '32']
    const report = only(
      pruneSchema,
      await coppice(
        'prune',
        ...[
          ...model,
          '--text',
          text,
          '--pruner',
          pruner,
          '--sparsity',
          '0.55',
          ...windows,
          ...evaluation,
          '--out',
          out,
          '--json',
        ],
      ),
    )
    assert.deepEqual([report.pruner, report.model, report.out], [pruner, model[1], out])
    assert.ok(readFileSync(join(out, 'report.html'), 'utf8').includes('<section id="layers">'))
    for (const { error } of report.layers) assert.ok(error !== null && error > 0 && error < 1)
    assert.equal(report.layers.length, 35)
    assert.equal(
      report.zeros,
      report.layers.reduce((sum, { zeros }) => sum + zeros, 0),
    )
    for (const { damping } of report.layers) assert.equal(damping === null, pruner !== 'sparsegpt')
    const [{ tokens, window, pruned }] = report.perplexity
    assert.deepEqual([tokens, window], [4 * 31, 32])

    const argv = ['--text', text, '--window', '32', '--eval-tokens', '128', '--json']
    const evaluated = only(evaluateSchema, await coppice('evaluate', '--model', out, ...argv))
    assert.deepEqual(evaluated.model, out)
    assert.deepEqual(evaluated.texts[0].windows, 4)
    assert.ok(Math.abs(evaluated.texts[0].perplexity / pruned - 1) < 1e-4)

    const inspected = only(modelSchema, await coppice('inspect', '--model', out, '--json'))
    assert.equal(inspected.blocks, 5)
    assert.deepEqual(
      inspected.layers.map(({ zeros }) => zeros),
      report.layers.map(({ zeros }) => zeros),
    )
  })
}

test('peer and join --json end with one object, verify with another', async (context) => {
  const directory = await temporaryDirectory(context)
  const plan = ['--pruner', 'magnitude', '--windows', '2', '--window', '64', '--listen', '/ip4/127.0.0.1/tcp/0']
  const outs = ['a', 'b'].map((name) => join(directory, name))
  const founder = new SiteProcess(context, directory, 'peer', '--members', '2', ...plan, '--out', outs[0], '--json')
  const invitation = await founder.invitation()
  const config = join(directory, 'joiner.json')
  const log = join(directory, 'joiner.log')
  const options = {
    invitation,
    listen: false,
    out: outs[1],
    json: 'lines',
    'log-file': log,
    'log-level': 'debug',
  }
  writeFileSync(config, JSON.stringify(options))
  const joiner = new SiteProcess(context, directory, 'join', '--config', config)
  const ended = await Promise.all([founder.ended, joiner.ended])
  const a = only(memberSchema, ended[0])
  const lines = linesOf(ended[1])
  const [result] = lines.slice(-1)
  assert.deepEqual([lines[0].event, result.event], ['start', 'result'])
  const b = memberSchema.parse(result.event === 'result' && result.report)
  assertLogged(readFileSync(log, 'utf8'), lines, invitation)
  assert.doesNotMatch(ended[0].stderr, new RegExp(invitation.split('.').at(-1) ?? ''), 'its secret is in no log')
  assert.match(ended[0].stderr, /^Waiting for 1 more site \(1 of 2 here\)\.$/m)
  assert.match(ended[1].stderr, /^2 sites prune embedded together/m)
  assert.deepEqual([a.federation, a.root, a.certificates], [b.federation, b.root, b.certificates])
  assert.deepEqual([a.out, b.out], outs)
  assert.deepEqual([a.zeros, a.weights, a.sparsity], [a.weights / 2, b.weights, 0.5])
  assert.deepEqual([a.perplexity, b.perplexity], [null, null])
  assert.match(ended[0].stderr, /^Nothing was measured: this site has no text\./m)
  assert.deepEqual(a.members, b.members)
  assert.deepEqual([a.left.whole, a.rounds.map(({ round }) => round), a.refused], [true, [1], []])
  assert.deepEqual(
    a.left.contributions.map(({ round, block }) => [round, block]),
    [0, 1, 2, 3, 4, 5].map((block) => [1, block]),
  )
  // Both make the same without a text: who had it already fetched nothing.
  for (const [own, other] of [
    [a, b],
    [b, a],
  ])
    for (const { to } of own.left.contributions) assert.ok(to.length === 0 || to.join() === other.peer, to.join())
  for (const [i, { out, ...report }] of [a, b].entries()) {
    const { digest, ...kept } = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8'))
    assert.deepEqual(kept, { ...report, out }, digest)
    const verified = only(verifySchema, await coppice('verify', outs[i], '--json'))
    assert.deepEqual([verified.federation, verified.root, verified.rounds], [a.federation, a.root, 1])
  }

  const other = join(directory, 'other')
  cpSync(join(outs[0], 'model'), other, { recursive: true })
  const { exit, stderr } = await coppice('verify', outs[0], '--model', other)
  assert.equal(exit, 2, stderr)
  assert.match(
    stderr,
    /^coppice: .* is not the base model: hash [0-9a-f]{64}, the plan names [0-9a-f]{64} \(VERIFY_BASE\)\n.+\n$/,
  )
})
