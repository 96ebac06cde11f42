/** What a site computes for its federation, and the bounds that follow from its model's shapes. */
import { EngineWork, type EngineWorkInit } from '../../peers/engine-work.ts'
import type { Work } from '../../peers/work.ts'
import type { ModelDescription } from '../../src/engine/jobs.ts'
import { contributionBytes } from '../../src/merge/contribution.ts'
import { type PayloadKind, payloadOf } from '../../src/merge/form.ts'

export class SiteWork extends EngineWork implements Work {
  private readonly forms: ModelDescription['forms']
  private readonly payload: PayloadKind

  constructor(init: Omit<EngineWorkInit, 'blocks'>, { blocks, forms }: ModelDescription) {
    super({ ...init, blocks })
    this.forms = forms
    this.payload = payloadOf(init.pruner)
  }

  maskBits(block: number): number {
    return this.forms[block].layers.reduce((sum, { rows, cols }) => sum + rows * cols, 0)
  }

  maxContributionBytes(block: number): number {
    return contributionBytes(this.forms[block], this.payload).most
  }
}
