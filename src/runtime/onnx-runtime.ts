/** ONNX Runtime with its telemetry off. Every module takes it from here: `npm run check` refuses any other import. */
import './no-telemetry.ts'

export * from 'onnxruntime-node'
