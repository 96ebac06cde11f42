import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { CoppiceError } from '../../../src/base/errors.ts'
import { Decoder } from '../../../src/model/forward/decoder.ts'
import { plainAttempt } from '../../../src/model/write/write.ts'
import { nodeMaking, valueInfo } from '../../../src/onnx/build.ts'
import type { GraphProto, ModelProto } from '../../../src/onnx/generated/onnx_pb.js'
import { attemptPlain } from '../../../src/runtime/reference-run.ts'
import { runtimeWords } from '../../../src/runtime/runtime-refusal.ts'
import { coppice, lastLines } from '../../support/command-line.ts'
import { edited } from '../../support/models/edited.ts'

const scratch = mkdtempSync(join(tmpdir(), 'coppice-attempt-'))
after(() => rmSync(scratch, { recursive: true }))

type Edit = (graph: GraphProto, model: ModelProto) => void

/** The error with which an attempt to run the model in plain ONNX Runtime is refused. */
async function refusal(edit: Edit): Promise<CoppiceError> {
  const decoder = Decoder.open(edited(join(scratch, 'model'), edit), { threads: 1 })
  const error = await attemptPlain({ ...plainAttempt(decoder), threads: 1 }).catch((error: unknown) => error)
  assert.ok(error instanceof CoppiceError)
  assert.equal(error.code, 'MODEL_REFUSED_BY_RUNTIME')
  assert.doesNotMatch(error.message, /onnxruntime_src|\.cc|::/)
  return error
}

const CASES: [title: string, edit: Edit, what: RegExp, hint: RegExp][] = [
  [
    'nodes of one name',
    (graph) => {
      for (const node of graph.node) node.name = 'n'
    },
    /two nodes with same node name \(n\)/,
    /Give each node a name of its own, or none/,
  ],
  [
    'an IR version to come',
    (_, model) => {
      model.irVersion = 99n
    },
    /Unsupported model IR version: 99/,
    /It is written for IR version 99, this ONNX Runtime reads up to \d+: export it with an older onnx package/,
  ],
  [
    'an opset to come',
    (_, model) => {
      model.opsetImport[0].version = 99n
    },
    /Opset 99 is under development/,
    /It is written in opset 99 of ai\.onnx, this ONNX Runtime reads up to \d+: export it with --opset \d+ or older/,
  ],
  [
    'a node beside the way to the logits that fails when it runs',
    (graph) => {
      graph.node.push(nodeMaking('square', 'MatMul', ['logits', 'logits']))
      graph.output.push(valueInfo('square'))
    },
    /square/,
    /Check that the model runs in ONNX Runtime at all/,
  ],
]

describe('a base model in plain ONNX Runtime', () => {
  it('runs', async () => {
    const decoder = Decoder.open(edited(join(scratch, 'model'), () => undefined))
    assert.equal(await attemptPlain({ ...plainAttempt(decoder), threads: 1 }), true)
  })

  for (const [title, edit, what, hint] of CASES) {
    it(`is refused in its words, with advice: ${title}`, async () => {
      const error = await refusal(edit)
      assert.match(error.message, what)
      assert.match(error.hint, hint)
    })
  }

  it('is tried before the first block, whose pruning takes longer', async () => {
    const model = edited(join(scratch, 'names'), (graph) => {
      for (const node of graph.node) node.name = 'n'
    })
    const out = join(scratch, 'out')
    const ended = await coppice('prune', '--model', model, '--pruner', 'magnitude', '--sparsity', '0.5', '--out', out)
    assert.equal(ended.exit, 3)
    assert.match(
      lastLines(ended.stderr),
      /^coppice: ONNX Runtime does not run .*same node name \(n\)\. \(MODEL_REFUSED_BY_RUNTIME\)\nGive each node .*\n$/,
    )
  })
})

describe('words of ONNX Runtime', () => {
  it('are shown without places in its sources', () => {
    const signature = 'onnxruntime::Model::Model(onnx::ModelProto&&, const onnxruntime::PathString&) '
    const cases = [
      [
        `Load model from /m/model.onnx failed:/onnxruntime_src/core/graph/model.cc:202 ${signature}Unsupported.\n`,
        'Unsupported.',
      ],
      [
        'Deserialize tensor b failed.endian_utils.cc:66 CopyLittleEndian source and destination differ',
        'Deserialize tensor b failed. source and destination differ',
      ],
      ['This is an invalid model. Error: two nodes (n).', 'This is an invalid model. Error: two nodes (n).'],
    ]
    for (const [message, words] of cases) assert.equal(runtimeWords(message), words)
  })
})
