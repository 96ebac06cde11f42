/** A process for tests to kill: prunes into the directory of its argument, and says which blocks are finished. */
import { openEngine } from '../../../src/jobs/open-engine.ts'
import { pruneArgs } from './pruning.ts'

const [out, windows] = process.argv.slice(2)
await using engine = openEngine()
await engine.run('prune', pruneArgs(out, Number(windows)), {
  onEvent(event) {
    if (event.type === 'block') console.log(`block ${event.report.block}`)
  },
})
