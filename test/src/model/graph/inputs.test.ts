import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { graphInputs } from '../../../../src/model/graph/inputs.ts'
import { valueInfo } from '../../../../src/onnx/build.ts'
import { GraphProtoSchema, ModelProtoSchema } from '../../../../src/onnx/generated/onnx_pb.js'
import { DATA_TYPE } from '../../../../src/onnx/tensor.ts'

const { int64, int32, int8, bool, float, float16, bfloat16 } = DATA_TYPE
const HUGE = { num_key_value_heads: 2, head_dim: 2 ** 40 }
const CONFIG = { num_attention_heads: 4, num_key_value_heads: 2, hidden_size: 64 }
/** Two windows of three tokens. */
const WINDOWS = { ids: BigInt64Array.of(5n, 6n, 7n, 8n, 9n, 10n), batch: 2, window: 3 }

/** The values that one input of this name, type and shape (null: differs from run to run) is fed. */
function fed(
  name: string,
  dataType: number,
  dims: (number | null)[],
  config: Record<string, unknown> = CONFIG,
): { dims: readonly number[]; data: number[] } {
  const graph = create(GraphProtoSchema, { input: [valueInfo(name, { dataType, dims })] })
  const model = { path: 'model.onnx', proto: create(ModelProtoSchema), graph, initializers: new Map() }
  const tensor = graphInputs({ ...model, subgraphs: new Map(), externalFiles: [] }, config, WINDOWS).get(name)
  assert.ok(tensor, name)
  return { dims: tensor.dims, data: Array.from(tensor.data as BigInt64Array, Number) }
}

describe('inputs of a decoder', () => {
  it('follow from their names, types and shapes', () => {
    const cases: [string, number, (number | null)[], number[], number[]][] = [
      ['input_ids', int64, [null, null], [2, 3], [5, 6, 7, 8, 9, 10]],
      ['input_ids', int32, [null, null], [2, 3], [5, 6, 7, 8, 9, 10]],
      ['attention_mask', int64, [null, null], [2, 3], [1, 1, 1, 1, 1, 1]],
      ['position_ids', int64, [null, null], [2, 3], [0, 1, 2, 0, 1, 2]],
      ['position_ids', int64, [1, null], [1, 3], [0, 1, 2]],
      ['cache_position', int64, [null], [3], [0, 1, 2]],
      ['seqlens_k', int32, [null], [2], [2, 2]],
      ['seqlens_k', int32, [null, 1], [2, 1], [2, 2]],
      ['total_sequence_length', int32, [], [], [3]],
      ['total_sequence_length', int32, [1], [1], [3]],
      ['past_sequence_length', int64, [1], [1], [0]],
      ['num_logits_to_keep', int64, [], [], [0]],
      ['use_cache_branch', bool, [1], [1], [0]],
      ['past_key_values.0.key', float, [null, 2, null, 16], [2, 2, 0, 16], []],
      ['past_key_values.0.key', float16, [null, null, null, null], [2, 2, 0, 16], []],
    ]
    for (const [name, dataType, shape, dims, data] of cases)
      assert.deepEqual(fed(name, dataType, shape), { dims, data }, `${name} [${shape}]`)
  })

  it('are refused where their meaning is not certain', () => {
    const cases: [string, number, (number | null)[], string][] = [
      ['token_type_ids', int64, [null, null], 'MODEL_INPUT'],
      ['position_ids', int64, [3, null, null], 'MODEL_INPUT'],
      ['attention_mask', float, [null, 1, null, null], 'MODEL_INPUT'],
      ['past', float, [2, null, 2, null, 16], 'MODEL_PAST'],
      ['past_key_values.0.key', float, [null, 2, null, 2 ** 62], 'MODEL_FIXED'],
      ['past_key_values.0.key', float, [null, 2 ** 62, null, 16], 'MODEL_FIXED'],
      ['past_key_values.0.key', bfloat16, [null, 2, null, 16], 'MODEL_INPUT'],
      ['past_key_values.0.key', bfloat16, [1, 2, 16, 16], 'MODEL_INPUT'],
      ['past_key_values.0.value', int8, [null, 2, null, 16], 'MODEL_INPUT'],
      ['input_ids', bfloat16, [null, null], 'MODEL_INPUT'],
    ]
    for (const [name, dataType, shape, code] of cases)
      assert.throws(() => fed(name, dataType, shape), { name: 'InputError', code }, `${name} [${shape}]`)
    const open = () => fed('past_key_values.0.key', float, [null, 2, null, null], HUGE)
    assert.throws(open, { code: 'MODEL_PAST', message: /by config\.json .* is \[2,2,0,1099511627776\]/ })
  })
})
