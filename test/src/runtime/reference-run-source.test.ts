import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Decoder } from '../../../src/model/forward/decoder.ts'
import { expectedRun } from '../../../src/model/write/write.ts'
import { runPlain } from '../../../src/runtime/reference-run.ts'
import { plainSource } from '../../../src/runtime/reference-run-source.ts'
import { hubCache } from '../../support/models/linked.ts'
import { temporaryDirectory } from '../../support/nodes.ts'
import { fixturePath } from '../../support/shared.ts'

const PLAIN = fixturePath('decoders/llama-gqa-tied/external')
const [GRAPH, WEIGHTS] = ['model.onnx', 'model.onnx_data']
const IDS = Int32Array.from({ length: 8 }, (_, i) => i)

describe('a model that ONNX Runtime loads whole', () => {
  it('is found through links of graph and weights, wherever these lead', async (context) => {
    const root = await temporaryDirectory(context)
    for (const [name, link] of [
      ['graph-linked', [GRAPH]],
      ['weights-linked', [WEIGHTS]],
      ['both-linked-apart', [GRAPH, WEIGHTS]],
    ] as const) {
      const dir = join(root, name)
      mkdirSync(dir)
      copyFileSync(join(PLAIN, 'config.json'), join(dir, 'config.json'))
      for (const [k, file] of [GRAPH, WEIGHTS].entries()) {
        if (!(link as readonly string[]).includes(file)) {
          // Beside what the graph is a link to.
          copyFileSync(join(PLAIN, file), join(file === WEIGHTS ? join(root, name) : dir, file))
          continue
        }
        const disk = join(root, `${name}-${k}`)
        mkdirSync(disk)
        copyFileSync(join(PLAIN, file), join(disk, 'blob'))
        symlinkSync(join(disk, 'blob'), join(dir, file))
      }
      await runs(dir, name)
    }
    const cache = hubCache(PLAIN, root)
    await runs(cache, 'a Hugging Face cache')
    assert.equal(plainSource(join(cache, 'onnx', GRAPH)).model, join(cache, 'onnx', GRAPH))
    const beside = join(root, 'weights-beside-target')
    mkdirSync(beside)
    copyFileSync(join(PLAIN, 'config.json'), join(beside, 'config.json'))
    symlinkSync(join(PLAIN, GRAPH), join(beside, GRAPH))
    await runs(beside, 'weights beside what the graph leads to')
  })
})

/** Whether ONNX Runtime gives the engine's logits. */
async function runs(dir: string, name: string): Promise<void> {
  const decoder = Decoder.open(dir, { threads: 1 })
  const run = await expectedRun(decoder, () => undefined, dir, IDS)
  const share = (await runPlain({ ...run, model: decoder.directory.onnx, threads: 1 })) ?? 1
  assert.ok(share < 1e-4, `${name}: ${share}`)
  await decoder.close()
}
