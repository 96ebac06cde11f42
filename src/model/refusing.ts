/** A session of a model's own graph: where ONNX Runtime cannot run it, that is a refusal and no bug. */

import { InputError } from '../errors.ts'
import type { InferenceSession } from '../runtime/onnx-runtime.ts'

/**
 * The session, whose runs throw MODEL_REFUSED_BY_RUNTIME with ONNX Runtime's own words: some operators look at their
 * shapes only when they run (GroupQueryAttention with rotary embedding wants a head size divisible by 16).
 */
export function refusing(session: InferenceSession, path: string): InferenceSession {
  const run = session.run.bind(session) as (...args: unknown[]) => Promise<InferenceSession.ReturnType>
  session.run = async (...args: unknown[]) => {
    try {
      return await run(...args)
    } catch (cause) {
      throw new InputError({
        code: 'MODEL_REFUSED_BY_RUNTIME',
        what: `ONNX Runtime does not run ${path}: ${cause instanceof Error ? cause.message : cause}`,
        hint: 'Check that the model runs in ONNX Runtime at all; export it again, or with plain operators, if it does not.',
        cause,
      })
    }
  }
  return session
}
