import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { type FuzzCounts, fuzz } from './frame.ts'
import { basesIn, configAttempt, modelAttempt, Runner } from './model.ts'

/** Other seeds than those of the tests; another run of the soak may choose its own. */
const SEED = Number(process.env.COPPICE_FUZZ_SEED ?? 1000)
const MODELS = { open: 90_000, compare: 5_000, change: 5_000 } as const
const CONFIGS = 100_000

const scratch = mkdtempSync(join(tmpdir(), 'coppice-fuzz-'))
const runner = new Runner()
after(() => {
  runner[Symbol.dispose]()
  rmSync(scratch, { recursive: true })
})
const bases = basesIn(scratch)
const measured = { seed: SEED, residentBytes: () => runner.bytes, processorMs: () => runner.ms }

function tell({ accepted, refused, longestMs, grownBytes }: FuzzCounts): void {
  const codes = [...refused].map(([code, count]) => `${code} ${count}`).join(', ')
  console.log(`seed ${SEED}: ${accepted} taken; ${codes}; longest ${longestMs} ms; ${grownBytes} bytes grown`)
}

describe('mutated models', () => {
  it('are taken, or refused in two lines', async () => {
    tell(await fuzz({ ...measured, count: MODELS.open, attempt: modelAttempt(runner, bases, 'open') }))
  })

  it('give the logits of plain ONNX Runtime where it runs them', async () => {
    tell(await fuzz({ ...measured, count: MODELS.compare, attempt: modelAttempt(runner, bases, 'compare') }))
  })

  it('are cut and written as models with the same logits, or refused', async () => {
    tell(await fuzz({ ...measured, count: MODELS.change, attempt: modelAttempt(runner, bases, 'change') }))
  })
})

describe('mutated configurations', () => {
  /** This model has no constants that fold, so that opening it is quick: its configuration is what is tried. */
  const base = bases[1]
  it('are taken, or refused in two lines', async () => {
    tell(await fuzz({ ...measured, count: CONFIGS, attempt: configAttempt(runner, base) }))
  })
})
