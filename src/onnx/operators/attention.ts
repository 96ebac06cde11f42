/** Fused attention and rotary embeddings, standard ones and those of ONNX Runtime's contrib operators. */
import type { Operator, Operators } from './operator.ts'
import { groupQueryAttention, multiHeadAttention, standardAttention } from './unfused-attention.ts'
import { rotaryEmbedding, standardRotary } from './unfused-rotary.ts'

/** Attention, whose other inputs are masks, tables, pasts and lengths. */
const ATTENDING: Operator = { attends: true, matrices: 'query key value' }
const ROTARY: Operator = { matrices: 'data', heads: { queries: 'num_heads' } }

export const ATTENTION: Operators = {
  Attention: {
    ...ATTENDING,
    slots: 'query key value mask? pastKey? pastValue?',
    heads: { queries: 'q_num_heads', pairs: 'kv_num_heads' },
    unfused: standardAttention,
  },
  RotaryEmbedding: { ...ROTARY, slots: 'data cos sin positions?', unfused: standardRotary },
  'com.microsoft:GroupQueryAttention': {
    ...ATTENDING,
    slots: 'query key? value? pastKey? pastValue? lengths total cos? sin? positions? bias? sink?',
    heads: { queries: 'num_heads', pairs: 'kv_num_heads' },
    unfused: groupQueryAttention,
  },
  'com.microsoft:MultiHeadAttention': {
    ...ATTENDING,
    slots: 'query key? value? bias? padding? scores? pastKey? pastValue? length? indirection?',
    heads: { queries: 'num_heads' },
    unfused: multiHeadAttention,
  },
  'com.microsoft:RotaryEmbedding': { ...ROTARY, slots: 'data positions cos sin', unfused: rotaryEmbedding },
}
