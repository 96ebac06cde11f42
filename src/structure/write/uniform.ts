/**
 * Checks the demands of Hugging Face tools on a sliced model: one width for all blocks, and a configuration that has a
 * place for it.
 */
import { InputError } from '../../base/errors.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import { configNumber } from '../../model/graph/directory.ts'
import type { Removal } from '../find/removal.ts'
import { countsLeft, saysChannels, slicedConfig } from './sliced-config.ts'

/**
 * Families whose code in transformers (5.24) reads the size of a head from head_dim. The others divide the model's
 * width by the number of heads, so they can lose channels, but no heads.
 */
const HEAD_DIM: ReadonlySet<string> = new Set(
  `
  arcee cohere cohere2 exaone4 gemma gemma2 gemma3_text glm glm4 granite llama mistral mixtral nemotron olmo olmo2 phi phi3
  qwen2 qwen2_moe qwen3 smollm3 starcoder2
`
    .trim()
    .split(/\s+/),
)
/**
 * The families among them whose configuration is refused all the same if the number of heads does not divide the width.
 */
const DIVIDING: ReadonlySet<string> = new Set(['arcee', 'gemma2', 'gemma3_text', 'llama'])

/**
 * Checks that Hugging Face tools can load the model after these removals.
 * @throws {InputError} UNIFORM_UNLIKE, UNIFORM_FAMILY, UNIFORM_HEADS
 */
export function assertUniform({ directory: { config }, blocks }: Decoder, removals: readonly Removal[]): void {
  const left = countsLeft(removals, blocks)
  for (const share of [left.heads, left.pairs, left.channels]) {
    if (share !== undefined) continue
    throw new InputError({
      code: 'UNIFORM_UNLIKE',
      what: 'blocks of the model are not alike: the same ratio leaves different numbers of heads or channels in them',
      hint: 'Leave out --uniform: ONNX Runtime and Coppice run such a model.',
    })
  }
  const family = String(config.model_type)
  if (left.heads !== 1 && !HEAD_DIM.has(family))
    throw unsaid(family, 'size of a head, which tools compute from the number of heads')
  if (left.channels !== 1 && !saysChannels(config)) throw unsaid(family, 'number of channels')
  const sliced = slicedConfig(config, left)
  const heads = configNumber(sliced, 'num_attention_heads') ?? 1
  const width = configNumber(sliced, 'hidden_size') ?? heads
  if (!DIVIDING.has(family) || width % heads === 0) return
  throw new InputError({
    code: 'UNIFORM_HEADS',
    what: `${heads} heads would be left in each block, which do not divide the width ${width}, as transformers demands of ${family}`,
    hint: 'Give another --ratio, or leave out --uniform.',
  })
}

function unsaid(family: string, what: string): InputError {
  return new InputError({
    code: 'UNIFORM_FAMILY',
    what: `config.json of a ${family} has no place for the ${what}`,
    hint: 'Leave out --uniform: the graph needs no configuration.',
  })
}
