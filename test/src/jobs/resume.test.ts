import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { JobEvent, PrunedBlockReport } from '../../../src/jobs/job.ts'
import { type JobEngine, openEngine } from '../../../src/jobs/open-engine.ts'
import { contentsOf } from '../../support/models/linked.ts'
import { temporaryDirectory } from '../../support/nodes.ts'
import { Random } from '../../support/random.ts'
import { BLOCKS, pruneArgs, recorded } from './pruning.ts'

const PROGRAM = fileURLToPath(new URL('./pruning-process.ts', import.meta.url))
const WINDOWS = 32
const SEED = 20

interface Outcome {
  reports: PrunedBlockReport[]
  /** The count of the first progress: the blocks that were done already. */
  first: number
  /** From the start to each report, milliseconds. */
  at: number[]
}

async function pruneHere(engine: JobEngine, out: string): Promise<Outcome> {
  const start = performance.now()
  const outcome: Outcome = { reports: [], first: -1, at: [] }
  await engine.run('prune', pruneArgs(out, WINDOWS), {
    onEvent(event) {
      if (event.type === 'progress') {
        if (outcome.first === -1) outcome.first = event.done
        return
      }
      if (event.type !== 'block') return
      outcome.reports.push(event.report)
      outcome.at.push(performance.now() - start)
    },
  })
  return outcome
}

/**
 * Prunes in a process that is killed some time after its first new block.
 * @returns how many blocks were reported as finished, those of earlier processes included
 */
async function pruneAndKill(context: TestContext, out: string, delayMs: number): Promise<number> {
  const before = recorded(out)
  const child = spawn(process.execPath, [PROGRAM, out, String(WINDOWS)], { stdio: ['ignore', 'pipe', 'inherit'] })
  context.after(() => child.kill('SIGKILL'))
  const exit = once(child, 'exit')
  const closed = once(child, 'close')
  let blocks = 0
  const reached = Promise.withResolvers<void>()
  createInterface(child.stdout).on('line', (line) => {
    if (line.startsWith('block')) blocks++
    if (blocks > before) reached.resolve()
  })
  await Promise.race([reached.promise, exit])
  await setTimeout(delayMs) // waits for nothing: the point is drawn by it
  child.kill('SIGKILL')
  assert.deepEqual(await exit, [null, 'SIGKILL'], 'it had ended by itself')
  await closed
  return blocks
}

test('killed at three random points, a prune goes on to the same bits', async (context) => {
  const dir = await temporaryDirectory(context)
  await using engine = openEngine()
  const [whole, killed] = [join(dir, 'whole'), join(dir, 'killed')]
  const expected = await pruneHere(engine, whole)
  const [startMs] = expected.at
  const blockMs = ((expected.at.at(-1) ?? 0) - startMs) / (BLOCKS - 1)
  const random = new Random(SEED)
  const written = new Map<string, bigint>()
  let done = 0
  for (let kill = 1; kill <= 3; kill++) {
    const delayMs = random.next() * blockMs
    const reported = await pruneAndKill(context, killed, delayMs)
    context.diagnostic(`kill ${kill}: ${delayMs.toFixed(0)} of ${blockMs.toFixed(0)} ms after ${reported} blocks`)
    assert.ok(reported > done, 'what was finished is reported again')
    done = reported
    for (const name of namesOfBlocks(killed).slice(0, done)) {
      const { mtimeNs } = statSync(join(killed, name), { bigint: true })
      assert.equal(written.get(name) ?? mtimeNs, mtimeNs, `${name} is not written again`)
      written.set(name, mtimeNs)
    }
  }
  const { reports, first } = await pruneHere(engine, killed)
  assert.ok(first >= done && first < BLOCKS, `${first} of ${done} blocks were taken over`)
  const plain = (some: PrunedBlockReport[]) => some.map(({ path: _, ...report }) => report)
  assert.deepEqual(plain(reports), plain(expected.reports))

  const models = [join(dir, 'model'), join(dir, 'other-model')]
  for (const [i, of] of [expected.reports, reports].entries()) {
    const weights = of.map(({ block, path }) => ({ block, kind: 'stored' as const, path }))
    const { dir: base } = pruneArgs(whole, 1)
    await engine.run('write', { dir: base, weights, out: models[i], check: Int32Array.of(1, 2, 3) })
  }
  const [uninterrupted, resumed] = models.map(contentsOf)
  assert.deepEqual([...resumed.keys()], [...uninterrupted.keys()])
  for (const [name, bytes] of uninterrupted) assert.ok(resumed.get(name)?.equals(bytes), name)
})

function namesOfBlocks(out: string): string[] {
  return readdirSync(out)
    .filter((name) => /^block-\d+\.f32$/.test(name))
    .sort()
}

test('a prune that is asked to end finishes its block, and can be continued', async (context) => {
  const out = join(await temporaryDirectory(context), 'blocks')
  await using engine = openEngine()
  const drain = new AbortController()
  const reason = new Error('enough for today')
  const finished: number[] = []
  const onEvent = (event: JobEvent) => {
    if (event.type !== 'block') return
    finished.push(event.report.block)
    drain.abort(reason)
  }
  await assert.rejects(engine.run('prune', pruneArgs(out, WINDOWS), { drain: drain.signal, onEvent }), reason)
  assert.ok(finished.length >= 1 && finished.length < BLOCKS, `${finished}`)
  assert.equal(recorded(out), finished.length)

  const { reports, first } = await pruneHere(engine, out)
  assert.equal(first, finished.length)
  assert.deepEqual(
    reports.map(({ block }) => block),
    [0, 1, 2, 3, 4],
  )
  const again = await pruneHere(engine, out)
  assert.deepEqual([again.first, again.reports], [BLOCKS, reports], 'all of it is there already')
})

test('a prune that is asked to end before its turn does not begin', async (context) => {
  const out = join(await temporaryDirectory(context), 'blocks')
  await using engine = openEngine()
  const drain = AbortSignal.abort(new Error('no'))
  await assert.rejects(engine.run('prune', pruneArgs(out, 1), { drain }), /no/)
})
