/**
 * The cost of masking: federations of simulated sites in one process, whose plan is open and then masked, in turns.
 * Prints the seconds of each, of the clock and of the processor, the bytes of a site's contributions and of all that it
 * sent, and the memory; then the ratio of both kinds, and the bytes of key sheets and reveals. Both must end with the
 * same root.
 *
 *   npm run bench -- masked [--model DIR] [--sites 4,16] [--turns 3] [--pruner sparsegpt] [--sparsity 0.6]
 *     [--windows 4] [--window 128] [--groups N]
 *   npm run bench -- masked --model test/fixtures/stories260k --sites 64 --turns 1 --windows 2
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempDisposableSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { federationOf } from '../../peers/round/federation.ts'
import { CONTRIBUTIONS_NAME } from '../../peers/round/output.ts'
import { checkCertificates } from '../../peers/verify/certificates.ts'
import { readSignedPlan } from '../../peers/verify/directory.ts'
import { median } from '../../src/base/quantile.ts'
import { openingsOf, sheetSlot } from '../../src/merge/openings.ts'
import { EMBEDDED_MODEL, PACKAGE_ROOT } from '../paths.ts'
import type { FederationReport } from '../report/federation.ts'
import { embeddedText } from './support/text.ts'

/** Masking may take so many times the time of the open plan, or so many seconds more a group. */
const WANTED = { ratio: 1.3, seconds: 3 }
/** The same where there are many sites: each masks with the streams of all others. */
const WANTED_OF_MANY = { ratio: 2, from: 64 }

const KINDS = ['open', 'masked'] as const
type Kind = (typeof KINDS)[number]

interface Seconds {
  clock: number
  /** The sum over all processes; on a busy machine it varies less than the seconds of the clock. */
  processor: number
}

interface Bench {
  /** The arguments of `simulate` that all runs have. */
  plan: string[]
  sites: number
  /** Where a run leaves its results; it is removed before the next one. */
  out: string
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      model: { type: 'string', default: EMBEDDED_MODEL },
      sites: { type: 'string', default: '4,16' },
      turns: { type: 'string', default: '3' },
      pruner: { type: 'string', default: 'sparsegpt' },
      sparsity: { type: 'string', default: '0.6' },
      windows: { type: 'string', default: '4' },
      window: { type: 'string', default: '128' },
      groups: { type: 'string' },
    },
  })
  const { model, pruner, sparsity, windows, window, groups, turns } = values
  using scratch = mkdtempDisposableSync(join(tmpdir(), 'coppice-bench-'))
  const plan = ['--model', model, '--pruner', pruner, '--sparsity', sparsity, '--windows', windows, '--window', window]
  plan.push('--merge', 'pooled', '--text', embeddedText(scratch.path), ...(groups ? ['--rounds', groups] : []))
  for (const sites of values.sites.split(',').map(Number)) {
    console.log(`${sites} sites, ${pruner} ${sparsity}, ${windows} windows of ${window}`)
    await compare({ plan, sites, out: join(scratch.path, 'out') }, Number(turns))
  }
}

async function compare(bench: Bench, turns: number): Promise<void> {
  const seconds: Record<keyof Seconds, Record<Kind, number[]>> = {
    clock: { open: [], masked: [] },
    processor: { open: [], masked: [] },
  }
  const roots = new Set<string>()
  let groups = 0
  for (let turn = 0; turn < turns; turn++) {
    for (const kind of turn % 2 === 0 ? KINDS : KINDS.toReversed()) {
      const { report, processor } = await simulated(bench, kind)
      seconds.clock[kind].push(report.seconds)
      seconds.processor[kind].push(processor)
      roots.add(report.result.root)
      groups = report.plan.rounds
      console.log(`  ${kind.padEnd(6)} ${line(report, processor)}`)
      if (kind === 'masked' && turn === 0) console.log(`  ${personalLine(bench.out)}`)
    }
  }
  if (roots.size > 1) throw new Error(`${roots.size} different roots`)
  const ratioOf = ({ open, masked }: Record<Kind, number[]>) => median(masked) / median(open)
  const [ratio, work] = [ratioOf(seconds.clock), ratioOf(seconds.processor)]
  const more = (median(seconds.clock.masked) - median(seconds.clock.open)) / groups
  const most = bench.sites >= WANTED_OF_MANY.from ? WANTED_OF_MANY.ratio : WANTED.ratio
  const verdict = ratio <= most || more <= WANTED.seconds ? 'kept' : 'NOT KEPT'
  const figures = `${ratio.toFixed(2)} times the open plan's seconds, ${more.toFixed(1)} s more a group`
  console.log(`  masked takes ${figures}; ${work.toFixed(2)} times the processor's (medians of ${turns})`)
  console.log(`  at most ${most} times or ${WANTED.seconds} s wanted: ${verdict}`)
}

async function simulated(
  { plan, sites, out }: Bench,
  kind: Kind,
): Promise<{ report: FederationReport; processor: number }> {
  rmSync(out, { recursive: true, force: true })
  const command = [join(PACKAGE_ROOT, 'bin', 'coppice.js'), 'simulate', '--peers', String(sites), ...plan, `--${kind}`]
  const measured = ['--baselines', 'none', '--eval-tokens', '256', '--out', out, '--json']
  const timed = ['-c', '"$@"; code=$?; times >&2; exit $code', 'sh', process.execPath, ...command, ...measured]
  const child = spawn('sh', timed, { stdio: ['ignore', 'pipe', 'pipe'] })
  const [output, told, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  if (code !== 0) throw new Error(`simulate ended with ${code}:\n${told}`)
  return { report: JSON.parse(output) as FederationReport, processor: processorSeconds(told) }
}

/** The last line that `times` prints has the user's and the system's seconds of all that the shell has run: 1m2.50s. */
function processorSeconds(told: string): number {
  const times = [...(told.trimEnd().split('\n').at(-1) ?? '').matchAll(/(\d+)m([\d.]+)s/g)]
  return times.reduce((sum, [, minutes, seconds]) => sum + 60 * Number(minutes) + Number(seconds), 0)
}

function line({ seconds, peers, rounds, peakMemoryBytes }: FederationReport, processor: number): string {
  const mean = (of: 'payloadBytes' | 'sentBytes') => peers.reduce((sum, peer) => sum + peer[of], 0) / peers.length
  const bytes = `${megabytes(mean('payloadBytes'))} of contributions a site, ${megabytes(mean('sentBytes'))} sent`
  const times = `${seconds.toFixed(1)} s, ${processor.toFixed(1)} s of the processor, ${rounds.length} rounds`
  return `${times}, ${bytes}, ${megabytes(peakMemoryBytes)} resident`
}

/** The bytes of key sheets and reveals in a directory of results. */
function personalLine(out: string): string {
  const { plan } = readSignedPlan(out)
  const federation = federationOf(plan)
  const { masked, members } = federation
  if (masked === null) throw new Error('the plan is open')
  const openings = openingsOf(plan.offer)
  const { entries } = checkCertificates(out, plan, federation).last.value
  const meanOf = (is: (slot: number) => boolean) => {
    const own = entries.filter(({ block }) => is(block))
    return own.reduce((sum, { root }) => sum + statSync(join(out, CONTRIBUTIONS_NAME, root)).size, 0) / own.length
  }
  const sheet = meanOf((slot) => slot === sheetSlot(masked))
  const reveal = meanOf((slot) => slot > sheetSlot(masked))
  const [ofSheet, ofReveal] = [sheet / openings, reveal].map((bytes) => (bytes / (members - 1)).toFixed(0))
  const sizes = `key sheet ${sheet.toFixed(0)} bytes, each of ${openings} reveals ${reveal.toFixed(0)}`
  return `${sizes}; ${ofSheet} and ${ofReveal} bytes a pair of members and opening`
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(2)} MB`
}
