/** A session of a model's own graph: where ONNX Runtime cannot run it, that is a refusal and no bug. */
import type { InferenceSession } from './onnx-runtime.ts'
import { runtimeRefusal } from './runtime-refusal.ts'

/**
 * The session, whose runs throw MODEL_REFUSED_BY_RUNTIME with ONNX Runtime's own words: some operators look at their
 * shapes only when they run (GroupQueryAttention with rotary embedding wants a head size divisible by 16).
 */
export function refusing(session: InferenceSession, what: string): InferenceSession {
  const run = session.run.bind(session) as (...args: unknown[]) => Promise<InferenceSession.ReturnType>
  session.run = async (...args: unknown[]) => {
    try {
      return await run(...args)
    } catch (cause) {
      throw runtimeRefusal(what, 'does not run', cause)
    }
  }
  return session
}
