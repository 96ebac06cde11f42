/** Measures the harm of a merge to this site's own text: see protocols/round/proposal/harm.ts. */
import type { Hash } from '../../protocols/round/messages/messages.ts'
import { type ManifestEntry, manifestKey } from '../../protocols/round/messages/value.ts'
import type { EffectOf, RoundEvent } from '../../protocols/round/types.ts'
import { blockOfSlot } from '../../src/merge/slots.ts'
import { filesOf, type Merges } from '../disk/merges.ts'
import type { Work } from '../work/work.ts'

/** The harm to a site whose own contributions already give no numbers: there is nothing to compare. */
const NONE = 1

interface MeasuringComponents {
  merges: Pick<Merges, 'merge' | 'files' | 'using'>
  work: Pick<Work, 'blocks' | 'perplexity'>
}

export class Measuring {
  private readonly components: MeasuringComponents
  /** Aborts when the peer has stopped. */
  private readonly signal: AbortSignal
  /** The perplexity of this site's own blocks alone, and the key of what they are. */
  private alone: { key: Hash; perplexity: Promise<number> } | null = null

  constructor(components: MeasuringComponents, signal: AbortSignal) {
    this.components = components
    this.signal = signal
  }

  /** The round may be over before it ends. */
  measure({ manifest, own }: EffectOf<'measure'>): Promise<RoundEvent> {
    const { merges, work } = this.components
    const blocks = new Set(own.map(({ block: slot }) => blockOfSlot(slot, work.blocks)))
    const merged = new Map([...merges.files(manifest)].filter(([block]) => blocks.has(block)))
    return merges.using([manifest], async () => {
      const alone = await this.ofOwn(own)
      const together = await work.perplexity(merged, this.signal)
      return { type: 'measured', manifest, harm: Number.isFinite(alone) ? together / alone : NONE }
    })
  }

  /** Own contributions become blocks in the way of all others: by a merge, of nothing else. */
  private ofOwn(own: readonly ManifestEntry[]): Promise<number> {
    const { merges, work } = this.components
    const key = manifestKey(null, own)
    if (this.alone?.key !== key) {
      const perplexity = merges.using([key], async () =>
        work.perplexity(filesOf(await merges.merge(key, own, null, this.signal)), this.signal),
      )
      this.alone = { key, perplexity }
    }
    return this.alone.perplexity
  }
}
