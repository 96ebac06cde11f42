import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { coppice, type Ended } from '../../../support/command-line.ts'
import { fixturePath } from '../../../support/shared.ts'
import { siteText } from '../../../support/sites.ts'

const directory = mkdtempSync(join(tmpdir(), 'coppice-test-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const MODEL = fixturePath('stories260k')
const SITES = ['--text', ...[0, 1, 2, 3].map((site) => siteText(directory, site))]
const PLAN = '--merge pooled --rounds 2 --windows 2 --window 64 --eval-tokens 128 --baselines none --json'
const simulated = (name: string, ...more: string[]) =>
  coppice('simulate', '--model', MODEL, ...SITES, ...PLAN.split(' '), ...more, '--out', join(directory, name))

describe('a simulation that pools second moments', () => {
  const out = join(directory, 'open')
  let ended: Ended
  let masked: Ended
  before(async () => {
    ended = await simulated('open', '--sparsity', '0.5', '--open')
    masked = await simulated('masked', '--sparsity', '0.5')
  })

  it('prunes each group of blocks in two rounds, the first of which changes nothing', () => {
    assert.equal(ended.exit, 0, ended.stderr)
    const { peers, plan, result, rounds } = JSON.parse(ended.stdout)
    assert.equal(plan.merge, 'pooled')
    assert.deepEqual(
      rounds.map(({ maskChange }: { maskChange: number }) => maskChange > 0),
      [false, true, false, true],
    )
    assert.ok(peers.every(({ root }: { root: string }) => root === result.root))
    assert.ok(Math.abs(result.sparsity - 0.5) < 0.001, `${result.sparsity}`)
  })

  it('is masked by itself, and has the root of the open one', () => {
    assert.equal(masked.exit, 0, masked.stderr)
    const { peers, plan, result, rounds } = JSON.parse(masked.stdout)
    assert.equal(plan.masked, true)
    // Keys and sheets; then for each of two groups mean squares and products, each with a list and reveals.
    const moved = rounds.map(({ maskChange }: { maskChange: number }) => maskChange > 0)
    assert.deepEqual(moved, [false, false, false, false, false, true, false, false, false, true])
    assert.equal(result.root, JSON.parse(ended.stdout).result.root)
    assert.ok(peers.every(({ root }: { root: string }) => root === result.root))
  })

  it('verifies, and describes what its sites have offered', async () => {
    const verified = await coppice('verify', out, '--model', MODEL)
    assert.equal(verified.exit, 0, verified.stderr)
    const payloads = new Map<string, number>()
    for (const name of readdirSync(join(out, 'contributions'))) {
      const inspected = await coppice('inspect', '--contribution', join(out, 'contributions', name), '--json')
      const { payload, inputs } = JSON.parse(inspected.stdout)
      payloads.set(payload, (payloads.get(payload) ?? 0) + 1)
      assert.equal(inputs.length > 0, payload === 'statistics')
      if (payloads.size === 2) break
    }
    assert.deepEqual([...payloads.keys()].sort(), ['products', 'statistics'])
  })
})
