/**
 * Whether memory is one block and the activations, whatever the model's depth: makes a model of 12 GB with its weights
 * beside the graph, and prunes it (Wanda, 2 windows of 128) while the operating system limits the anonymous memory of
 * each process (RLIMIT_DATA). Prints the peak. Needs three times the model's size on the disk of --dir.
 *
 *   npm run bench -- memory [--dir DIR] [--gigabytes 12] [--limit 4]
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { parseArgs } from 'node:util'
import { PACKAGE_ROOT } from '../paths.ts'
import type { PruneReport } from '../report/prune-report.ts'
import { type SyntheticForm, syntheticBytes, writeSyntheticModel } from './support/synthetic-model.ts'
import { embeddedText } from './support/text.ts'

/** A block as models of seven billion parameters have it: 0.8 GB in float32. */
const BLOCK = { hidden: 4096, inner: 11008, heads: 32 }
const GIGABYTE = 1e9
/** The model, its pruned blocks, and the pruned model. */
const COPIES = 3

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      dir: { type: 'string', default: tmpdir() },
      gigabytes: { type: 'string', default: '12' },
      limit: { type: 'string', default: '4' },
    },
  })
  const form = formOf(Number(values.gigabytes) * GIGABYTE)
  const free = statfsSync(values.dir)
  if (free.bavail * free.bsize < COPIES * syntheticBytes(form)) {
    throw new Error(
      `${values.dir} has ${gigabytes(free.bavail * free.bsize)} free, ${gigabytes(COPIES * syntheticBytes(form))} are needed: choose another --dir`,
    )
  }
  const directory = mkdtempSync(join(resolve(values.dir), 'coppice-bench-'))
  try {
    const model = join(directory, 'model')
    mkdirSync(model)
    writeSyntheticModel(model, form)
    console.log(
      `${form.blocks} blocks, ${gigabytes(syntheticBytes(form))} of weights; at most ${values.limit} GB of anonymous memory a process`,
    )
    const report = await prune(directory, model, Number(values.limit) * GIGABYTE)
    console.log(`pruned to ${(100 * report.sparsity).toFixed(3)} % zeros in ${report.seconds.total.toFixed(0)} s`)
    console.log(`peak of the command's process and the engine's together: ${gigabytes(report.peakMemoryBytes)}`)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function formOf(bytes: number): SyntheticForm {
  const block = syntheticBytes({ ...BLOCK, blocks: 1 }) - syntheticBytes({ ...BLOCK, blocks: 0 })
  return { ...BLOCK, blocks: Math.ceil(bytes / block) }
}

async function prune(directory: string, model: string, limit: number): Promise<PruneReport> {
  const site = ['--model', model, '--text', embeddedText(directory), '--windows', '2', '--window', '128']
  const command = [join(PACKAGE_ROOT, 'bin', 'coppice.js'), 'prune', ...site, '--pruner', 'wanda', '--sparsity', '0.5']
  const limited = ['-c', 'ulimit -d "$0" && exec "$@"', String(Math.floor(limit / 1024)), process.execPath]
  const child = spawn('sh', [...limited, ...command, '--out', join(directory, 'out'), '--json'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  if (code !== 0) throw new Error(`prune ended with ${code}`)
  return JSON.parse(output) as PruneReport
}

function gigabytes(bytes: number): string {
  return `${(bytes / GIGABYTE).toFixed(2)} GB`
}
