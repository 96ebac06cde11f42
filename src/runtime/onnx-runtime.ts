/**
 * ONNX Runtime with its telemetry off, and without lines of its own on the terminal: what it has to say is in the
 * errors that it throws. Every module takes it from here: `npm run check` refuses any other import.
 */
import './no-telemetry.ts'
import { env } from 'onnxruntime-node'

env.logLevel = 'fatal'

export * from 'onnxruntime-node'
