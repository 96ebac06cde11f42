/** A layer as it is sent: a mask, ceil(size / 8) bytes, and behind it one fp16 for each 1 in it. */

import { findBadFp16 } from '../../form/fp16.ts'
import { countKept, isPaddedWithZeros, maskBytes } from '../../form/mask.ts'
import type { FrameReader } from '../bytes.ts'
import type { FaultClass } from '../errors.ts'

export interface SparseLayer {
  /** Bitmap over [rows, cols], 1 = kept. */
  mask: Uint8Array
  /** fp16 bits of the kept weights, in flat order. */
  survivors: Uint16Array
}

/** Reads the mask and the survivors of a layer of `size` weights. @throws {Fault} LENGTH, PADDING or VALUE */
export function readSparseLayer(reader: FrameReader, size: number, role: number, Fault: FaultClass): SparseLayer {
  const mask = readMask(reader, size, role, Fault)
  const survivors = reader.uint16s(countKept(mask), role)
  const bad = findBadFp16(survivors)
  if (bad < 0) return { mask, survivors }
  throw new Fault('VALUE', `survivor ${bad} has the bits 0x${survivors[bad].toString(16)}: -0, NaN or infinite`, role)
}

/** Reads the mask of a layer of `size` weights. @throws {Fault} LENGTH or PADDING */
export function readMask(reader: FrameReader, size: number, role: number, Fault: FaultClass): Uint8Array {
  const mask = reader.bytesOf(maskBytes(size), role)
  if (!isPaddedWithZeros(mask, size)) throw new Fault('PADDING', 'bits behind the end of the mask are set', role)
  return mask
}
