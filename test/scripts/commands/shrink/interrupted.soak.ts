import assert from 'node:assert/strict'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { runCommand } from '../../../../scripts/program.ts'
import { coppice, Recorder } from '../../../support/command-line.ts'
import { Interrupting } from '../../../support/interrupting.ts'
import { contentsOf } from '../../../support/models/linked.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath } from '../../../support/shared.ts'
import { siteText } from '../../../support/sites.ts'

const CHOSEN = /^The smaller model was made already: going on with its recovery$/m

it('a recovery stopped by Ctrl-C goes on with the model that was chosen, to the same files', async (context) => {
  const directory = await temporaryDirectory(context)
  const [whole, out] = [join(directory, 'whole'), join(directory, 'out')]
  const site = ['--model', fixturePath('stories260k'), '--text', siteText(directory, 1), '--windows', '4']
  const command = (to: string, share = '0.9') => [
    ...['shrink', ...site, '--window', '64', '--parameters', share, '--recover', '6', '--out', to],
  ]
  const [stdout, stderr] = [new Recorder(), new Interrupting(/Recovering · step [2-9] of 6/)]
  assert.equal(await runCommand(command(out), { stdout, stderr }), 130, stderr.text)
  assert.deepEqual(readdirSync(out), ['.unfinished'])

  const other = await coppice(...command(out, '0.8'))
  assert.equal(other.exit, 8, other.stderr)
  assert.match(other.stderr, /another choice of settings \(0\.9 of the parameters, .+, now 0\.8 of the parameters, /)
  assert.doesNotMatch(other.stderr, /Choosing what to remove/)

  // Without a step of training nothing is lost: another model takes its place.
  const untrained = join(directory, 'untrained')
  cpSync(out, untrained, { recursive: true })
  rmSync(join(untrained, '.unfinished', 'training'), { recursive: true })
  const anew = await coppice(...command(untrained, '0.8'))
  assert.equal(anew.exit, 0, anew.stderr)
  assert.doesNotMatch(anew.stderr, CHOSEN)

  const expected = await coppice(...command(whole))
  assert.equal(expected.exit, 0, expected.stderr)
  assert.doesNotMatch(expected.stderr, CHOSEN)

  const damaged = join(out, '.unfinished', 'smaller', 'onnx', 'model.onnx')
  const bytes = readFileSync(damaged)
  for (const [stopAt, tells, leave] of [
    [/^\d+ steps? of 6 are done/m, CHOSEN, bytes],
    [/^\d+ steps? of 6 are done/m, /Choosing what to remove · candidate/, bytes.subarray(1)],
  ] as const) {
    writeFileSync(damaged, leave)
    const again = new Interrupting(stopAt)
    assert.equal(await runCommand(command(out), { stdout, stderr: again }), 130, again.text)
    assert.match(again.text, tells)
  }

  const resumed = await coppice(...command(out))
  assert.equal(resumed.exit, 0, resumed.stderr)
  assert.match(resumed.stderr, CHOSEN)
  assert.match(resumed.stderr, /^[1-9]\d* steps? of 6 are done already: going on from there$/m)
  assert.equal(existsSync(join(out, '.unfinished')), false)
  assert.deepEqual(contentsOf(out), contentsOf(whole))
})
