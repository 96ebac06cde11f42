/** What is recovered, and how: the same for a recovery and for what there is of one. */
import { type Fingerprint, fingerprint } from '../../files/fingerprint.ts'
import type { Windows } from '../../form/windows.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import type { TrainSettings } from '../../recover/train.ts'

/** Another number where a recovery of the same inputs gives other bits than before. */
const DOMAIN = 'coppice/recover/1'

export interface RecoverArgs {
  dir: string
  /** What is learnt, and the rows kept out. */
  rows: Windows
  /** Of the text, for people. */
  name: string
  settings: TrainSettings
  /** A checkpoint, and the recovered blocks. */
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
