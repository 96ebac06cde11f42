/**
 * The stream in front of a block on disk, exact: the residual stream of all batches, then the other values that blocks
 * passed on.
 */
import { join } from 'node:path'
import { readStored, storeFile } from '../../files/stored-file.ts'
import type { Tensor } from '../../runtime/onnx-runtime.ts'
import { dataTypeOf, tensorOfBytes } from '../../runtime/session.ts'
import type { Stream, StreamState } from './stream.ts'

/** The description of a spilled stream, for JSON; its bytes are in the file. */
export interface SpilledStream {
  /** The file name, in the directory of the checkpoint. */
  file: string
  bytes: number
  /** SHA-256, hexadecimal. */
  digest: string
  place: 0 | 1
  /** One entry a batch, in the order of the file. */
  passed: { name: string; dataType: number; bytes: number; dims: readonly number[] }[][]
}

/** Writes the stream in front of a block. @throws {OutputError} OUTPUT_UNWRITABLE */
export async function spillStream(
  dir: string,
  block: number,
  { values, place, passed }: StreamState,
): Promise<SpilledStream> {
  const file = `stream-${String(block).padStart(4, '0')}`
  const others = passed.flat().map(([, tensor]) => bytesOf(tensor))
  const { bytes, digest } = await storeFile(join(dir, file), [values, ...others])
  const forms = passed.map((tensors) =>
    tensors.map(([name, tensor]) => {
      const { type, dims } = tensor
      return { name, dataType: dataTypeOf(type), bytes: bytesOf(tensor).byteLength, dims }
    }),
  )
  return { file, bytes, digest, place, passed: forms }
}

/**
 * Moves a stream that has just started to the block of the spilled one, and fills in its values.
 * @returns false: the file is damaged, and the stream can no longer be used
 */
export function unspillStream(dir: string, block: number, spilled: SpilledStream, stream: Stream): boolean {
  const { file, bytes, digest, place } = spilled
  const passed = spilled.passed.map((forms) =>
    forms.map((form): [string, Tensor, Uint8Array] => {
      const data = new Uint8Array(form.bytes)
      return [form.name, tensorOfBytes(form.dataType, data, form.dims), data]
    }),
  )
  const tensors = passed.map((batch) => batch.map(([name, tensor]): [string, Tensor] => [name, tensor]))
  const values = stream.standBefore(block, { place, passed: tensors })
  const others = passed.flat().map(([, , data]) => data)
  return readStored({ path: join(dir, file), bytes, digest }, [values, ...others])
}

function bytesOf({ data }: Tensor): ArrayBufferView {
  if (!ArrayBuffer.isView(data)) throw new Error('a tensor of texts')
  return data
}
