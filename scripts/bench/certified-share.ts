/**
 * The share of mask bits that no liars could have changed (peers/work/certified-share.ts), for some numbers of sites
 * that prune a whole model with Wanda, each on windows of its own text. Prints the share of all bits, the least and the
 * greatest of a layer, and that of each kind of layer.
 *
 *   npm run bench -- certified-share [--model DIR] [--sites 4,16] [--windows 8] [--window 128] [--sparsity 0.5]
 */
import { mkdirSync, mkdtempDisposableSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type CertifiedShare, certifiedShare } from '../../peers/work/certified-share.ts'
import { mergingOf } from '../../protocols/plan/offer.ts'
import type { SparseMethod } from '../../src/form/method.ts'
import type { JobEvent } from '../../src/jobs/job.ts'
import { openEngine } from '../../src/jobs/open-engine.ts'
import { Decoder } from '../../src/model/forward/decoder.ts'
import { certifiedInWords } from '../report/certified-share.ts'
import { percent } from '../terminal/numbers.ts'
import { siteWindows } from './support/site-windows.ts'

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string', default: 'models/embedded' },
      sites: { type: 'string', default: '4,16' },
      windows: { type: 'string', default: '8' },
      window: { type: 'string', default: '128' },
      sparsity: { type: 'string', default: '0.5' },
    },
  })
  const { model: dir } = values
  const numbers = values.sites.split(',').map(Number)
  const [count, length] = [Number(values.windows), Number(values.window)]
  const texts = await siteWindows(Decoder.open(dir), { sites: Math.max(...numbers), count, length })
  const target = { kind: 'unstructured', ppm: Math.round(Number(values.sparsity) * 1e6) } as const
  const method: SparseMethod = { pruner: 'wanda', target }
  await using engine = openEngine()
  const description = await engine.run('describe', { dir })
  const blocks = Array.from({ length: description.blocks }, (_, block) => block)
  using scratch = mkdtempDisposableSync(join(tmpdir(), 'coppice-bench-'))
  const contributions = new Map<number, string[]>(blocks.map((block) => [block, []]))
  console.log(`${description.name}, ${count} windows of ${length}, ${method.pruner}`)
  for (const [site, windows] of texts.entries()) {
    const out = join(scratch.path, String(site))
    mkdirSync(out)
    const onEvent = (event: JobEvent) =>
      event.type === 'block' && contributions.get(event.report.block)?.push(event.report.path)
    const as = 'contribution'
    await engine.run('prune', { dir, ...method, blocks, windows, weights: [], out, as, resume: null }, { onEvent })
    const members = site + 1
    if (!numbers.includes(members)) continue
    const { faults } = mergingOf({ merge: 'trimmed', members, masked: false })
    const certified = await certifiedShare({ engine, dir, description, method, members, faults, contributions })
    for (const line of certifiedInWords(certified)) console.log(line)
    for (const line of byKind(certified?.layers ?? [])) console.log(line)
  }
}

/** Layers of one kind have one size, so their mean is the share of their bits. */
function byKind(layers: CertifiedShare['layers']): string[] {
  const kinds = Map.groupBy(layers, ({ layer }) => layer.replace(/^.*\.\d+\./, ''))
  return [...kinds].map(([kind, own]) => {
    return `  ${kind}: ${percent(own.reduce((sum, { share }) => sum + share, 0) / own.length)}`
  })
}
