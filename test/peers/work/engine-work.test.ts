import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { EngineWork } from '../../../peers/work/engine-work.ts'
import { PeerStoppedError } from '../../../peers/work/work.ts'
import { ALONE } from '../../../src/form/merging.ts'
import { openEngine } from '../../../src/jobs/open-engine.ts'
import { Decoder } from '../../../src/model/forward/decoder.ts'
import { temporaryDirectory } from '../../support/nodes.ts'
import { fixturePath } from '../../support/shared.ts'

const MODEL = fixturePath('stories260k')
const WINDOWS = { ids: Int32Array.from({ length: 16 * 256 }, (_, i) => (i * 7) % 500), count: 16, length: 256 }
const ROUND = [0, 2, 4]
const NO_MERGES = new Map<number, string>()

const { name, parameters, blocks, forms, layers, maxWindow } = Decoder.open(MODEL)
const stored = { unpruned: [], types: ['float32'], bytes: 0 }
const description = { name, parameters, blocks, forms, layers, ...stored, maxWindow, fixedWindow: undefined }

interface Site {
  work: EngineWork
  /** Prunes and returns the contributions; aborts the job with the last of `last` blocks. */
  prune(blocks: number[], merged?: ReadonlyMap<number, string>, last?: number): Promise<Map<number, Buffer>>
}

/** A site with its own engine, as one process of a peer has it. */
function site(context: TestContext, scratch: string, modelHash: Uint8Array | null, onDrain?: () => void): Site {
  const engine = openEngine()
  context.after(() => engine.close())
  const work = new EngineWork({
    ...{ engine, model: MODEL, description, windows: WINDOWS, scratch, modelHash, onDrain },
    method: { pruner: 'sparsegpt', target: { kind: 'unstructured', ppm: 500_000 } },
    rounds: 1,
    merging: ALONE,
    structured: null,
  })
  return {
    work,
    async prune(blocks, merged = NO_MERGES, last = Number.POSITIVE_INFINITY) {
      const stop = new AbortController()
      const out = new Map<number, Buffer>()
      const onBlock = async (block: number, file: string) => {
        out.set(block, readFileSync(file))
        if (out.size === last) stop.abort(new Error('the peer ends'))
      }
      const pruning = work.prune({ slots: blocks, merged, signal: stop.signal, onBlock })
      if (last === Number.POSITIVE_INFINITY) await pruning
      else await assert.rejects(pruning, /the peer ends/)
      return out
    },
  }
}

test('a peer that ends in the middle of a pruning goes on with the blocks that it had finished', async (context) => {
  const scratch = join(await temporaryDirectory(context), 'scratch')
  const hash = new Uint8Array(32).fill(5)
  const whole = await site(context, `${scratch}-whole`, null).prune(ROUND)
  assert.deepEqual(readdirSync(`${scratch}-whole`), [], 'without a checkpoint nothing stays')

  const first = await site(context, scratch, hash).prune(ROUND, NO_MERGES, 1)
  assert.deepEqual([...first.keys()], [0])
  const path = join(scratch, 'contribution-0')
  const { mtimeNs } = statSync(path, { bigint: true })

  const second = site(context, scratch, hash)
  assert.deepEqual(await second.prune(ROUND), whole)
  assert.equal(statSync(path, { bigint: true }).mtimeNs, mtimeNs, 'block 0 is not pruned again')
  // A peer that ends between its pruning and its commit.
  assert.deepEqual(await second.prune(ROUND), whole)
})

test('a peer that the user stops finishes its block; the next round begins anew and clears what is left', async (context) => {
  const directory = await temporaryDirectory(context)
  const scratch = join(directory, 'scratch')
  let drained = 0
  const { prune, work } = site(context, scratch, new Uint8Array(32).fill(5), () => drained++)
  const stop = new AbortController()
  const blocks: number[] = []
  const pruning = work.prune({
    ...{ slots: ROUND, merged: NO_MERGES, signal: stop.signal },
    onBlock: async (block) => void blocks.push(block),
    onProgress: () => stop.abort(new PeerStoppedError('Ctrl-C')),
  })
  await assert.rejects(pruning, PeerStoppedError)
  assert.equal(drained, 1)
  assert.ok(blocks.length >= 1 && blocks.length < ROUND.length, `${blocks}`)
  assert.equal(contributions(scratch).length, blocks.length)

  const before = await prune([1, 2])
  assert.deepEqual(contributions(scratch), ['contribution-1', 'contribution-2'])
  assert.deepEqual([...(await prune([2, 4])).keys()], [2, 4])
  assert.deepEqual(contributions(scratch), ['contribution-2', 'contribution-4'])

  // The same blocks behind a merged one: another text flows into them.
  const file = join(directory, 'one')
  const merged = join(directory, 'merged')
  writeFileSync(file, before.get(1) ?? '')
  await work.merge({ block: 1, files: [file], out: merged, previous: null })
  const nowhere = work.merge({ block: 1, files: [file], out: join(directory, 'nowhere', 'merged'), previous: null })
  await assert.rejects(nowhere, { code: 'OUTPUT_UNWRITABLE', exit: 8 })
  const after = await prune([2, 4], new Map([[1, merged]]))
  assert.notDeepEqual(after.get(2), before.get(2))
  assert.deepEqual(await prune([2, 4], new Map([[1, merged]])), after)
})

function contributions(scratch: string): string[] {
  return readdirSync(scratch).filter((name) => name.startsWith('contribution'))
}

test('a contribution is masked to as many bytes as are said before, and the opened sum merges', async (context) => {
  const scratch = await temporaryDirectory(context)
  const engine = openEngine()
  context.after(() => engine.close())
  const workOf = (masked: boolean) =>
    new EngineWork({
      ...{ engine, model: MODEL, description, windows: WINDOWS, scratch, modelHash: null, rounds: 1, structured: null },
      method: { pruner: 'wanda', target: { kind: 'unstructured', ppm: 500_000 } },
      merging: { rule: 'pooled', members: 1, faults: 0, masked },
    })
  const [plain, work] = [false, true].map(workOf)
  const streams = [{ key: new Uint8Array(32).fill(3), sign: 1 as const }]
  const [file, masked, out] = ['file', 'masked', 'merged'].map((name) => join(scratch, name))
  const onBlock = async (_: number, path: string) => writeFileSync(file, readFileSync(path))
  await work.prune({ slots: [2], merged: NO_MERGES, signal: new AbortController().signal, onBlock })
  const bytes = await work.mask(2, file, streams, masked)
  assert.equal(bytes, work.maxContributionBytes(2))
  assert.equal(bytes, statSync(masked).size)
  assert.equal(await work.validate(2, masked), null)
  const first = { slot: 2, paths: [masked], streams, own: file }
  const opened = await work.merge({ block: 2, masked: { first, second: null }, out, previous: null })
  const report = await plain.merge({ block: 2, files: [file], out, previous: null })
  assert.deepEqual(opened, report)
})
