/**
 * The cost of the blob protocol beyond the network: a blob from one node to another over TCP, and the same number of
 * bytes on a bare libp2p stream, in turns, each in a process of its own. Prints seconds, those of the processor,
 * and the peak of resident memory of both nodes together, and the medians.
 *
 *   npm run bench -- streams [--mebibytes 64] [--runs 5]
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { PACKAGE_ROOT } from '../paths.ts'

const KINDS = ['blob', 'raw'] as const

interface Transfer {
  seconds: number
  /** Seconds of processor time. On a busy machine they vary less than those of the clock. */
  cpuSeconds: number
  peakBytes: number
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: { mebibytes: { type: 'string', default: '64' }, runs: { type: 'string', default: '5' } },
  })
  const results = { blob: [] as Transfer[], raw: [] as Transfer[] }
  for (let i = 0; i < Number(values.runs); i++) {
    for (const kind of KINDS) {
      const result = transfer(kind, values.mebibytes)
      results[kind].push(result)
      console.log(line(kind, result))
    }
  }
  for (const kind of KINDS) {
    const medianOf = (field: keyof Transfer) => median(results[kind].map((each) => each[field]))
    const [seconds, cpuSeconds, peakBytes] = (['seconds', 'cpuSeconds', 'peakBytes'] as const).map(medianOf)
    console.log(line(`${kind}, median`, { seconds, cpuSeconds, peakBytes }))
  }
}

function transfer(kind: string, mebibytes: string): Transfer {
  const script = join(PACKAGE_ROOT, 'scripts', 'bench', 'support', 'transfer.ts')
  return JSON.parse(execFileSync(process.execPath, [script, kind, mebibytes], { encoding: 'utf8' })) as Transfer
}

function line(name: string, { seconds, cpuSeconds, peakBytes }: Transfer): string {
  return `${name}: ${seconds.toFixed(2)} s, ${cpuSeconds.toFixed(2)} s of processor, ${(peakBytes / 1e6).toFixed(0)} MB resident`
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}
