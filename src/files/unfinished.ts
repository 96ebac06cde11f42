/** A record of unfinished work that a person asked for. If the same command cannot continue the work, it is refused. */
import { join } from 'node:path'
import { OutputError, type Refusal } from '../base/errors.ts'
import type { Fingerprint } from './fingerprint.ts'
import { RecordFile } from './record.ts'

interface UnfinishedInit {
  /** The file name of the record. */
  name: string
  format: number
  /** The name of the work in messages, such as "prune". */
  work: string
  /** The code of the refusal if the unfinished work is another one. */
  other: Pick<Refusal, 'code'>
  /** For the refusal of damaged files: the part of the work that is repeated, to follow "start again". */
  anew: string
}

export class UnfinishedRecord<Value extends object> extends RecordFile<Value> {
  private readonly init: UnfinishedInit

  constructor(init: UnfinishedInit) {
    super(init.name, init.format)
    this.init = init
  }

  /**
   * Reads the record; null: there is none.
   * @throws {OutputError} OUTPUT_CHECKPOINT_DAMAGED, or as `refuseOther` does
   */
  read(dir: string, own: Fingerprint): Value | null {
    const found = this.find(dir, own)
    if (found.is === 'damaged') throw this.damaged(dir, this.name)
    if (found.is === 'other') return this.refuseOther(dir, found.told)
    return found.is === 'same' ? found.value : null
  }

  /** @param told - the differences, to follow the word "another". @throws {OutputError} OUTPUT_OTHER_..., always */
  refuseOther(dir: string, told: string): never {
    throw new OutputError({
      ...this.init.other,
      what: `${dir} holds an unfinished ${this.init.work} of another ${told}`,
      hint: 'Give the same model, text and settings to go on with it; or remove that directory, or choose another --out.',
    })
  }

  /** @param name - the name of the damaged file */
  damaged(dir: string, name: string): OutputError {
    return new OutputError({
      code: 'OUTPUT_CHECKPOINT_DAMAGED',
      what: `${join(dir, name)}, of an unfinished ${this.init.work}, is not as it was written`,
      hint: `Remove ${dir} and start again${this.init.anew}.`,
    })
  }
}
