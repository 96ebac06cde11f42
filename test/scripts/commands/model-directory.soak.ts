import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { coppice } from '../../support/command-line.ts'
import { contentsOf, hubCache } from '../../support/models/linked.ts'
import { temporaryDirectory } from '../../support/nodes.ts'
import { fixturePath } from '../../support/shared.ts'
import { SiteProcess, siteText } from '../../support/sites.ts'

const MODEL = fixturePath('stories260k')
const HALF = ['--pruner', 'magnitude', '--sparsity', '0.5']

/** The model with a card and a template, as files. */
function plainModel(directory: string): string {
  const dir = join(directory, 'plain')
  cpSync(MODEL, dir, { recursive: true })
  writeFileSync(join(dir, 'README.md'), '---\nlicense: mit\n---\n# Stories\n')
  writeFileSync(join(dir, 'chat_template.jinja'), '{{ messages }}')
  return dir
}

test('prune in a cache gives what it gives in a plain directory, without links, and names what stays', async (context) => {
  const directory = await temporaryDirectory(context)
  const plain = plainModel(directory)
  const cache = hubCache(plain, directory)
  const text = siteText(cache, 0)
  symlinkSync('/nowhere', join(cache, 'pytorch_model.bin'))
  writeFileSync(join(cache, '.gitattributes'), '')
  const outs = [join(cache, 'pruned'), join(directory, 'pruned')]
  const results = []
  for (const [k, model] of [cache, plain].entries()) {
    const { exit, stderr } = await coppice('prune', '--model', model, '--text', text, ...HALF, '--out', outs[k])
    assert.equal(exit, 0, stderr)
    const left =
      'Not copied: pytorch_model.bin (weights and other graphs); .gitattributes (dot files); ' +
      'pruned, site-0.txt (texts and output of this command).'
    assert.equal(/^Not copied: .*$/m.exec(stderr)?.[0], k === 0 ? left : undefined)
    results.push(contentsOf(outs[k]))
  }
  for (const result of results) {
    const card = String(result.get('README.md'))
    assert.match(card, /^---\nlicense: mit\n[\s\S]*---\n\n# .*\n\n.* 50 % .*\(magnitude\)\.\n[\s\S]*# Stories\n$/)
    result.delete('README.md') // a cache tells the name of the base, a directory does not
  }
  assert.deepEqual(results[0], results[1])
})

test('two sites, one with a cache and one with plain files, give results that both verify', async (context) => {
  const directory = await temporaryDirectory(context)
  const plain = plainModel(directory)
  const cache = hubCache(plain, directory)
  const outs = ['a', 'b'].map((name) => join(directory, name))
  const founding = ['peer', '--members', '2', '--model', cache, ...HALF, '--out', outs[0]]
  const founder = new SiteProcess(context, directory, ...founding)
  const joining = ['join', await founder.invitation(), '--model', plain, '--out', outs[1]]
  const joiner = new SiteProcess(context, directory, ...joining)
  for (const { exit, stderr } of await Promise.all([founder.ended, joiner.ended])) assert.equal(exit, 0, stderr)
  const later = join(directory, 'later')
  mkdirSync(later)
  cpSync(plain, later, { recursive: true })
  writeFileSync(join(later, 'LICENSE'), 'with the year corrected')
  for (const [k, model] of [cache, plain, later].entries()) {
    const verified = await coppice('verify', outs[1 - (k % 2)], '--model', model, '--json')
    assert.equal(verified.exit, 0, verified.stderr)
    const notes = model === later ? ["model/LICENSE differs from the base's"] : []
    assert.deepEqual(JSON.parse(verified.stdout).notes, notes)
    for (const note of notes) assert.ok(verified.stderr.includes(`note: ${note}\n`), verified.stderr)
  }
  for (const out of outs) assert.ok(existsSync(join(out, 'model', 'onnx', 'model.onnx')), out)
})
