import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, it } from 'node:test'
import type { Worker } from 'node:worker_threads'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { Decoder } from '../../../src/model/forward/decoder.ts'
import { ModelProtoSchema } from '../../../src/onnx/generated/onnx_pb.js'
import { FOLLOWED, hiding } from '../../support/models/hidden-matrices.ts'

const scratch = mkdtempSync(join(tmpdir(), 'coppice-constants-'))
after(() => rmSync(scratch, { recursive: true }))

it('a model that is refused once its constants are computed leaves no thread behind', async (context) => {
  const dir = hiding(join(scratch, 'refused'), { 'layers.1/mlp/down_proj': FOLLOWED['Mul of its half'] })
  const graph = join(dir, 'model.onnx')
  const proto = fromBinary(ModelProtoSchema, readFileSync(graph))
  for (const opset of proto.opsetImport) opset.version = 1n
  writeFileSync(graph, toBinary(ModelProtoSchema, proto))
  const threads: Worker[] = []
  const started = (message: unknown) => threads.push((message as { worker: Worker }).worker)
  subscribe('worker_threads', started)
  context.after(() => unsubscribe('worker_threads', started))
  assert.throws(() => Decoder.open(dir, { threads: 1 }), { code: 'OPSET_OLD' })
  assert.ok(threads.length > 0)
  await Promise.all(threads.map((thread) => thread.threadId === -1 || once(thread, 'exit')))
})
