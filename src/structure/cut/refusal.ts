/** The refusal of a graph that cannot be made smaller. */
import { InputError } from '../../base/errors.ts'
import type { Decoder } from '../../model/forward/decoder.ts'

/** SLICE_UNKNOWN. @param why - the obstacle in the file, to follow its name */
export function refuse({ directory }: Decoder, why: string): InputError {
  return new InputError({
    code: 'SLICE_UNKNOWN',
    what: `${directory.onnx} ${why}: it cannot be made smaller`,
    hint: 'Export the model with plain ONNX operators and without branches, for example with Optimum (--task text-generation, float32).',
  })
}
