/** The job of masking a contribution: all that others learn of it is a sum over members. */
import { storeFile } from '../../files/stored-file.ts'
import type { Merging } from '../../form/merging.ts'
import type { Method } from '../../form/method.ts'
import { addStreams, type StreamKey } from '../../merge/masked/streams.ts'
import { encodeMasked } from '../../merge/masked/vector.ts'
import type { Bench } from '../bench.ts'
import { vectorOfSlot } from './slot-vector.ts'

interface MaskArgs {
  dir: string
  method: Method
  merging: Merging
  /** The slot in the manifest: see src/merge/slots.ts. */
  slot: number
  /** The encoded plain contribution. */
  path: string
  streams: StreamKey[]
  /** Where the masked vector goes, durably. */
  out: string
}

/** Returns the masked vector's length in bytes. @throws {OutputError} OUTPUT_UNWRITABLE */
export async function mask({ path, streams, out, ...args }: MaskArgs, bench: Bench): Promise<number> {
  const { form, ofPlain, slot } = await vectorOfSlot(args, bench)
  const vector = ofPlain(path)
  addStreams(vector, slot, streams, 1)
  const { bytes } = await storeFile(out, [encodeMasked(form, vector)])
  return bytes
}
