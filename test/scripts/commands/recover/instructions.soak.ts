import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { coppice } from '../../../support/command-line.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath } from '../../../support/shared.ts'

const MODEL = ['--model', fixturePath('stories260k')]

describe('coppice recover', () => {
  it('learns instructions, and says how many it could not', async (context) => {
    const directory = await temporaryDirectory(context)
    const path = join(directory, 'instructions.jsonl')
    const lines = Array.from({ length: 12 }, (_, k) =>
      JSON.stringify({ instruction: `Say ${k}.${k === 3 ? ' Please.'.repeat(200) : ''}`, output: `It is ${k}.` }),
    )
    writeFileSync(path, lines.join('\n'))
    const out = join(directory, 'out')
    const how = ['--steps', '2', '--batch', '2', '--length', '256', '--json']
    const { exit, stdout, stderr } = await coppice('recover', ...MODEL, '--instructions', path, ...how, '--out', out)
    assert.equal(exit, 0, stderr)
    const all = JSON.parse(stdout)
    assert.deepEqual(all.rows, { learnt: 10, keptOut: 1, skipped: 1 })
    // With fewer rows answers alone are learnt as well: the first batch is the same.
    const fewer = ['--windows', '8', '--out', `${out}-some`]
    const some = await coppice('recover', ...MODEL, '--instructions', path, ...how, ...fewer)
    assert.equal(some.exit, 0, some.stderr)
    assert.equal(JSON.parse(some.stdout).loss.first, all.loss.first)
  })
})
