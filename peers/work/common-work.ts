/** The computations for which nobody needs a text: a member does them for a vote, and `verify` does them again. */
import type { Merging } from '../../src/form/merging.ts'
import type { Method } from '../../src/form/method.ts'
import type { StructuredForms } from '../../src/jobs/federation/structured-forms.ts'
import type { ModelDescription } from '../../src/jobs/model/describe.ts'
import type { JobEngine } from '../../src/jobs/open-engine.ts'
import type { ImpossibleTotal, MergedBlockReport, MergeJob, Work } from './work.ts'

export interface CommonWorkInit {
  engine: JobEngine
  /** The base model's directory. */
  model: string
  description: Pick<ModelDescription, 'blocks' | 'forms'>
  method: Method
  /** The number of rounds in the plan. */
  rounds: number
  merging: Merging
  /** Where structures are removed, else null. */
  structured: Pick<StructuredForms, 'units'> | null
  /** Stops checks and merges. */
  signal?: AbortSignal
}

export class CommonWork implements Pick<Work, 'blocks' | 'maskBits' | 'validate' | 'merge'> {
  private readonly common: CommonWorkInit

  constructor(init: CommonWorkInit) {
    this.common = init
  }

  get blocks(): number {
    return this.common.description.blocks
  }

  maskBits(block: number): number {
    const { description, structured } = this.common
    if (structured !== null) return structured.units[block]
    return description.forms[block].layers.reduce((sum, { rows, cols }) => sum + rows * cols, 0)
  }

  validate(slot: number, file: string): Promise<string | null> {
    const { engine, model: dir, merging, method, rounds, signal } = this.common
    return engine.run('validate', { dir, method, merging, rounds, slot, path: file }, { signal })
  }

  merge({ block, out, previous, ...offered }: MergeJob): Promise<MergedBlockReport | ImpossibleTotal> {
    const { engine, model: dir, merging, method, rounds, signal } = this.common
    const taken = 'masked' in offered ? { masked: offered.masked, rounds } : { paths: offered.files, own: offered.own }
    return engine.run('merge', { dir, method, merging, block, out, previous, ...taken }, { signal })
  }
}
