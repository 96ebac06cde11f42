import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { fuzz } from './frame.ts'
import { basesIn, configAttempt, modelAttempt, Runner } from './model.ts'

/** A slice of what model.soak.ts does. */
const MODELS = { open: 120, compare: 12, change: 8 } as const
const CONFIGS = 60

const scratch = mkdtempSync(join(tmpdir(), 'coppice-fuzz-'))
const runner = new Runner()
after(() => {
  runner[Symbol.dispose]()
  rmSync(scratch, { recursive: true })
})
const bases = basesIn(scratch)
const measured = { residentBytes: () => runner.bytes, processorMs: () => runner.ms }

describe('mutated models', () => {
  it('are taken, or refused in two lines', async () => {
    await fuzz({ ...measured, seed: 1, count: MODELS.open, attempt: modelAttempt(runner, bases, 'open') })
  })

  it('give the logits of plain ONNX Runtime where it runs them', async () => {
    await fuzz({ ...measured, seed: 2, count: MODELS.compare, attempt: modelAttempt(runner, bases, 'compare') })
  })

  it('are cut and written as models with the same logits, or refused', async () => {
    await fuzz({ ...measured, seed: 4, count: MODELS.change, attempt: modelAttempt(runner, bases, 'change') })
  })
})

describe('mutated configurations', () => {
  it('are taken, or refused in two lines', async () => {
    await fuzz({ ...measured, seed: 3, count: CONFIGS, attempt: configAttempt(runner, bases[0]) })
  })
})
