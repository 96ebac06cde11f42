import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { z } from 'zod'
import { coppice } from '../../../support/command-line.ts'
import { temporaryDirectory } from '../../../support/nodes.ts'
import { fixturePath } from '../../../support/shared.ts'
import { siteText } from '../../../support/sites.ts'

/** 1 in layers of the first block: their input is measured on the vocabulary, so honest sites send the same. */
const share = z.number().gt(0).max(1)
const certifiedSchema = z.strictObject({
  liars: z.literal(1),
  members: z.literal(4),
  share,
  layers: z.array(z.strictObject({ layer: z.string(), share })).length(5 * 7),
})

test('a simulation with the rule trimmed states the mask bits that no liar could have changed, and verify finds the same', async (context) => {
  const directory = await temporaryDirectory(context)
  const [out, model] = [join(directory, 'out'), fixturePath('stories260k')]
  const texts = [0, 1, 2, 3].map((site) => siteText(directory, site))
  const plan = '--pruner wanda --merge trimmed --windows 2 --window 64 --eval-tokens 64 --baselines none'.split(' ')
  const simulated = await coppice('simulate', '--model', model, '--text', ...texts, ...plan, '--out', out)
  assert.equal(simulated.exit, 0, simulated.stderr)
  const certified = certifiedSchema.parse(JSON.parse(readFileSync(join(out, 'report.json'), 'utf8')).certified)
  const shares = certified.layers.map((layer) => layer.share)
  assert.ok(certified.share > Math.min(...shares) && certified.share < Math.max(...shares))
  const verified = await coppice('verify', out, '--model', model, '--json')
  assert.deepEqual(JSON.parse(verified.stdout).certified, certified)
  assert.match(
    simulated.stdout,
    /^\d+\.\d+ % of the mask bits could not have been changed by any 1 of the 4 members; the layers/m,
  )
})
