/** A model of the fixtures as a whole message, to be changed by a test, and back as a file. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { fromBinary, toBinary } from '@bufbuild/protobuf'
import type { GraphProto, ModelProto } from '../../../src/onnx/generated/onnx_pb.js'
import { ModelProtoSchema } from '../../../src/onnx/generated/onnx_pb.js'
import { fixturePath } from '../shared.ts'

/** The smallest decoder of an exporter: 2 blocks, hidden 64, vocabulary 96. */
export const SMALLEST = 'decoders/opt/optimum-past'

/**
 * A copy of the directory of a fixture, or of another one by its absolute path, whose model.onnx `edit` has changed.
 */
export function edited(
  dir: string,
  edit: (graph: GraphProto, model: ModelProto) => void,
  fixture: string = SMALLEST,
): string {
  rmSync(dir, { recursive: true, force: true })
  mkdirSync(dir, { recursive: true })
  cpSync(isAbsolute(fixture) ? fixture : fixturePath(fixture), dir, { recursive: true })
  const model = fromBinary(ModelProtoSchema, readFileSync(join(dir, 'model.onnx')))
  edit(model.graph as GraphProto, model)
  writeFileSync(join(dir, 'model.onnx'), toBinary(ModelProtoSchema, model))
  return dir
}

/** A field that onnx.proto does not declare, with a message or a string in it. */
export function unknownField(
  no: number,
  bytes: Uint8Array = new Uint8Array(),
): { no: number; wireType: number; data: Uint8Array } {
  return { no, wireType: 2, data: Uint8Array.from([bytes.length, ...bytes]) }
}
