/**
 * Hundreds of rounds of eight real peers in one process, one of which stops and comes back every twenty rounds.
 * COPPICE_LONG_ROUNDS gives another number of rounds.
 */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { FEDERATIONS_NAME } from '../../peers/disk/data-directory.ts'
import { EngineWork } from '../../peers/work/engine-work.ts'
import { ALONE } from '../../src/form/merging.ts'
import { openEngine } from '../../src/jobs/open-engine.ts'
import { assertOneRoot, type Running, startFederation } from '../support/federations.ts'
import { type Sample, Sampler, slopeOf } from '../support/long-run.ts'
import { temporaryDirectory } from '../support/nodes.ts'
import { fixturePath } from '../support/shared.ts'

const MEMBERS = 8
const ROUNDS = Number(process.env['COPPICE_LONG_ROUNDS'] ?? 500)
const LIMIT_MS = 3 * 3_600_000
/** The member that stops in every twentieth round, and the rounds that are certified without it. */
const LEAVING = MEMBERS - 1
const TURN = 20
const AWAY = 2
/** Rounds between two samples. */
const INTERVAL = 10
/** Rounds until code is compiled and buffers are made: growth counts from then on. */
const WARM_UP = 100

const MODEL = fixturePath('stories260k')
const METHOD = { pruner: 'wanda', target: { kind: 'unstructured', ppm: 500_000 } } as const
const WINDOW = 32
/** One of the five blocks. */
const CAPACITY = 200_000
/** The whole wait: a member that is away costs a round no more. */
const ROUND_TIMEOUT_MS = 2_000

const MAX_HEAP_A_PEER_AND_ROUND = 2_000
const MAX_LOOP_P99_MS = 200

test('eight peers go through hundreds of rounds, and nothing grows with them that they need not keep', async (context) => {
  const root = await temporaryDirectory(context)
  const sampler = new Sampler(() => Math.max(...Array.from({ length: MEMBERS }, (_, i) => filesOf(root, i))))
  let round = 0
  let onRound = Promise.withResolvers<void>()
  let begun: Running | null = null
  const running = await startFederation(context, {
    ...(await terms(context, root)),
    onEvent(member, event) {
      begun?.events[member].splice(0) // they hold values
      if (event.type !== 'round' || member !== 0) return
      round = event.round.round
      if (round % INTERVAL === 0) console.log(inWords(sampler.take(round)))
      onRound.resolve()
      onRound = Promise.withResolvers()
    },
  })
  begun = running
  const reached = async (wanted: number) => {
    while (round < wanted) await onRound.promise
  }
  for (let leaves = TURN; leaves + TURN < ROUNDS; leaves += TURN) {
    await reached(leaves)
    await running.stop(LEAVING)
    await reached(leaves + AWAY)
    running.peers[LEAVING] = running.back(LEAVING)
  }
  assertOneRoot({ ...running, results: await Promise.all(running.peers) })
  assertFlat(context, sampler.samples)
})

/** The terms of the federation, and the engine that its peers share. */
async function terms(context: TestContext, root: string) {
  const engine = openEngine()
  context.after(() => engine.close())
  const description = await engine.run('describe', { dir: MODEL })
  const { name, parameters, blocks } = description
  const work = (member: number) => {
    const scratch = join(root, `scratch-${member}`)
    mkdirSync(scratch)
    const ids = Int32Array.from({ length: WINDOW }, (_, i) => (i * (2 * member + 3)) % 500)
    const merging = { ...ALONE, members: MEMBERS }
    const site = { engine, model: MODEL, description, method: METHOD, merging, rounds: ROUNDS, structured: null }
    return new EngineWork({ ...site, windows: { ids, count: 1, length: WINDOW }, scratch, modelHash: null })
  }
  const model = { name, parameters, blocks, hash: new Uint8Array(32).fill(3) }
  const settings = { sample: CAPACITY, window: WINDOW, roundTimeoutMs: ROUND_TIMEOUT_MS }
  return {
    members: MEMBERS,
    topology: 'mesh' as const,
    offer: { ...settings, model, method: METHOD, rounds: ROUNDS },
    capacities: new Array<number>(MEMBERS).fill(CAPACITY),
    again: { root, turn: 0 },
    limitMs: LIMIT_MS,
    work,
  }
}

/** The number of files that a peer keeps, its certificates apart. */
function filesOf(root: string, member: number): number {
  const federations = join(root, `${member}`, 'data', FEDERATIONS_NAME)
  if (!existsSync(federations)) return 0
  const files = readdirSync(federations, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return files.filter(({ parentPath }) => !parentPath.endsWith('certificates')).length
}

function inWords(sample: Sample): string {
  const { round, seconds, heapBytes, bufferBytes, residentBytes, descriptors, handles, loopP99Ms, files } = sample
  const kB = (bytes: number) => `${Math.round(bytes / 1e3)} kB`
  const memory = `heap ${kB(heapBytes)}, buffers ${kB(bufferBytes)}, resident ${kB(residentBytes)}`
  const held = `${descriptors} descriptors, ${handles} handles, ${files} files`
  return `round ${round} after ${seconds} s: ${memory}, ${held}, p99 of the loop ${loopP99Ms} ms`
}

function assertFlat(context: TestContext, samples: readonly Sample[]): void {
  const warm = samples.filter(({ round }) => round >= WARM_UP)
  const slope = slopeOf(warm.map(({ round, heapBytes }) => [round, heapBytes])) / MEMBERS
  const anHour = slopeOf(warm.map(({ seconds, heapBytes }) => [seconds / 3600, heapBytes]))
  const most = (of: (sample: Sample) => number) => Math.max(...warm.map(of))
  const [first] = warm
  const loop = warm.map(({ loopP99Ms }) => loopP99Ms).sort((a, b) => a - b)
  context.diagnostic(`heap: ${Math.round(slope)} bytes a peer and round, ${Math.round(anHour / 1e3)} kB an hour in all`)
  context.diagnostic(`event loop: p99 ${loop[loop.length >> 1]} ms in the median, ${loop.at(-1)} ms at most`)
  assert.ok(slope < MAX_HEAP_A_PEER_AND_ROUND, `the heap grows by ${slope} bytes a peer and round`)
  assert.ok(most(({ descriptors }) => descriptors) <= first.descriptors + MEMBERS, 'descriptors stay open')
  assert.ok(most(({ files }) => files) <= 2 * first.files, 'files are kept')
  assert.ok(loop[loop.length >> 1] < MAX_LOOP_P99_MS, `the event loop stands still for ${loop}`)
}
