import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { coppice } from '../../support/command-line.ts'
import { temporaryDirectory } from '../../support/nodes.ts'
import { SiteProcess, siteText } from '../../support/sites.ts'

const PLAN = ['--pruner', 'wanda', '--windows', '2', '--window', '64']

test('Ctrl-C while a site measures ends it with the model kept, and the others have theirs', async (context) => {
  const directory = await temporaryDirectory(context)
  const [a, b] = [siteText(directory, 0), siteText(directory, 1)]
  const outs = ['a', 'b'].map((name) => join(directory, name))
  const founding = ['peer', '--members', '2', '--text', a, ...PLAN, '--no-eval', '--out', outs[0]]
  const founder = new SiteProcess(context, directory, ...founding)
  // Long enough to come in the middle of it: three models on twenty thousand tokens.
  const long = join(directory, 'long.txt')
  writeFileSync(long, 'A wood is cut back, and grows again from its stools. '.repeat(3000))
  const joining = ['join', await founder.invitation(), '--text', b, '--eval', long, '--out', outs[1], '--json']
  const joiner = new SiteProcess(context, directory, ...joining)
  await joiner.said('stderr', /^Measuring what joining has brought/m)
  const { exit, stdout, stderr } = await joiner.stop('SIGINT')
  assert.equal(exit, 130, stderr)
  const { error } = JSON.parse(stdout)
  assert.equal(error.code, 'INTERRUPTED')
  assert.match(error.hint, /^The model is complete, in .+\/b\/model\. /)
  const ended = await founder.ended
  assert.equal(ended.exit, 0, ended.stderr)
  assert.match(ended.stdout, /^Nothing was measured: --no-eval\.$/m)
  for (const out of outs) {
    const verified = await coppice('verify', out)
    assert.equal(verified.exit, 0, verified.stderr)
  }
})
