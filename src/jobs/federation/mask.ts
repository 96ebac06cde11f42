/** The job of masking a contribution: only sums over members are opened then. */
import type { Merging } from '../../form/merging.ts'
import type { Method } from '../../form/method.ts'
import type { StreamKey } from '../../merge/masked/streams.ts'
import type { Bench } from '../bench.ts'

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

/** Returns the masked vector's length in bytes. */
export async function mask(_args: MaskArgs, _bench: Bench): Promise<number> {
  throw new Error('not yet')
}
