/** A record of unfinished work that a person has asked for: where it cannot be gone on with, that is refused. */
import { join } from 'node:path'
import { OutputError, type Refusal } from '../base/errors.ts'
import type { Fingerprint } from './fingerprint.ts'
import { RecordFile } from './record.ts'

interface UnfinishedInit {
  /** Of the record. */
  name: string
  format: number
  /** "prune". */
  work: string
  /** Where the work is another one. */
  other: Pick<Refusal, 'code'>
  /** Where something is damaged: what is done anew, after "start again". */
  anew: string
}

export class UnfinishedRecord<Value extends object> extends RecordFile<Value> {
  private readonly init: UnfinishedInit

  constructor(init: UnfinishedInit) {
    super(init.name, init.format)
    this.init = init
  }

  /** null: there is none. @throws {OutputError} OUTPUT_CHECKPOINT_DAMAGED, or as `refuseOther` does */
  read(dir: string, own: Fingerprint): Value | null {
    const found = this.find(dir, own)
    if (found.is === 'damaged') throw this.damaged(dir, this.name)
    if (found.is === 'other') return this.refuseOther(dir, found.told)
    return found.is === 'same' ? found.value : null
  }

  /** @param told - what differs, after "another". @throws {OutputError} OUTPUT_OTHER_..., always */
  refuseOther(dir: string, told: string): never {
    throw new OutputError({
      ...this.init.other,
      what: `${dir} holds an unfinished ${this.init.work}, but with another ${told}`,
      hint: 'Give the same model, text and settings to go on with it; or remove that directory, or choose another --out.',
    })
  }

  /** @param name - of the file that is not as it was written */
  damaged(dir: string, name: string): OutputError {
    return new OutputError({
      code: 'OUTPUT_CHECKPOINT_DAMAGED',
      what: `${join(dir, name)}, of an unfinished ${this.init.work}, is not as it was written`,
      hint: `Remove ${dir} and start again${this.init.anew}.`,
    })
  }
}
