/**
 * Turns off the telemetry of ONNX Runtime in this process and in every process that it starts. Import it before ONNX
 * Runtime is loaded, and before a thread is started that will load it.
 *
 * On Linux and macOS the library writes a lasting device id and a queue of events below the home directory, and sends
 * them to its maker, unless this variable is set when it is loaded (measured with 1.30: with it, no file and no
 * socket). Native code reads the environment of the process. A thread's `process.env` is a copy that native code does
 * not see, so a thread can only refuse.
 */
import { isMainThread } from 'node:worker_threads'
import { UsageError } from '../base/errors.ts'

/** Read by ONNX Runtime. */
const VARIABLE = 'ORT_DISABLE_TELEMETRY'
const OFF = '1'

if (isMainThread) process.env[VARIABLE] = OFF
else if (process.env[VARIABLE] !== OFF) {
  throw new UsageError({
    code: 'TELEMETRY_ON',
    what: 'this thread would load ONNX Runtime with its telemetry turned on',
    hint: `Import Coppice in the main thread before the thread starts, or set ${VARIABLE}=${OFF}.`,
  })
}
