/** The arguments of a recovery. The same arguments ask for the state of an unfinished one. */
import { type Fingerprint, fingerprint } from '../../files/fingerprint.ts'
import type { Windows } from '../../form/windows.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import type { TrainSettings } from '../../recover/train.ts'

/** A number that changes whenever a recovery of the same inputs gives other bits than before. */
const DOMAIN = 'coppice/recover/1'

export interface RecoverArgs {
  dir: string
  /** The rows to learn from, and the held-out rows. */
  rows: Windows
  /** The name of the text, for messages. */
  name: string
  settings: TrainSettings
  /** Directory of the checkpoint and of the recovered blocks. */
  out: string
  modelHash: Uint8Array
}

export function recoveryFingerprint({ name }: Decoder, { modelHash, rows, settings }: RecoverArgs): Fingerprint {
  const { steps, rank, alpha, rate, batch, seed } = settings
  return fingerprint({
    ...{ domain: DOMAIN, modelName: name, modelHash, windows: rows },
    settings: [steps, rank, alpha, rate, batch, seed],
    words: `${steps} steps of ${batch} of ${rows.count} rows of ${rows.length}, rank ${rank}, alpha ${alpha}, rate ${rate}`,
  })
}
