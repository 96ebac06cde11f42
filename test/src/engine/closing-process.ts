/** A process for a test to watch: closes engines in the middle of what their thread computes with ONNX Runtime. */
import { setTimeout } from 'node:timers/promises'
import { ALONE } from '../../../src/form/merging.ts'
import { openEngine } from '../../../src/jobs/open-engine.ts'
import { fixturePath } from '../../support/shared.ts'

const method = {
  pruner: 'llm-pruner',
  target: { kind: 'structured', ppm: 250_000, from: 0, to: 5, steps: 0 },
} as const
const args = {
  dir: fixturePath('stories260k'),
  method,
  merging: ALONE,
  rounds: 1,
  slot: 0,
  path: fixturePath('README.md'),
}
const start = performance.now()
await using whole = openEngine()
await whole.run('validate', args)
const lasts = performance.now() - start
// The second half of that is the graph, followed by running it.
for (const share of [0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95]) {
  const engine = openEngine()
  const job = engine.run('validate', args).catch((error: Error) => error)
  await setTimeout(share * lasts)
  await engine.close()
  await job
}
