import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { coppice } from '../support/command-line.ts'
import { assertOneRoot, federation } from '../support/federations.ts'
import { temporaryDirectory } from '../support/nodes.ts'
import { fixturePath } from '../support/shared.ts'

test('sixteen peers in one process end with one root', async (context) => {
  assertOneRoot(await federation(context, { members: 16, topology: 'mesh' }))
})

test('eight peers of which seven only dial out end with one root', async (context) => {
  assertOneRoot(await federation(context, { members: 8, topology: 'star' }))
})

const PLAN = '--pruner wanda --sample 0.25 --rounds 2 --windows 2 --window 128 --eval-tokens 256 --baselines none'

/** Twice what a member sends in a round of an idle machine: one that is late must not send the same again and again. */
const MOST_BYTES_A_MEMBER: Readonly<Record<number, number>> = { 32: 600_000, 64: 1_300_000 }

for (const members of [32, 64]) {
  test(`simulated peers end two rounds with one root, and send no more when the process is late: ${members} of them`, async (context) => {
    const directory = await temporaryDirectory(context)
    const text = join(directory, 'text.txt')
    writeFileSync(text, Array.from({ length: 40_000 }, (_, i) => `word${(i * i) % 997}`).join(' '))
    const site = ['--model', fixturePath('stories260k'), '--text', text, '--out', join(directory, 'out')]
    const ended = await coppice('simulate', '--peers', String(members), ...PLAN.split(' '), ...site, '--json')
    assert.equal(ended.exit, 0, ended.stderr)
    const { peers, rounds, result, seconds, peakMemoryBytes } = JSON.parse(ended.stdout)
    assert.deepEqual(new Set(peers.map(({ root }: { root: string }) => root)), new Set([result.root]))
    const bytes = Math.max(...rounds.map((round: { bytes: number }) => round.bytes)) / members
    context.diagnostic(`${seconds} s, ${Math.round(bytes)} bytes a member and round, ${peakMemoryBytes >> 20} MB`)
    assert.ok(bytes < MOST_BYTES_A_MEMBER[members], `${bytes} bytes a member and round`)
  })
}
