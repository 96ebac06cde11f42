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
  work: Pick<Work, 'alone' | 'blocks' | 'perplexity'>
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
    const files = merges.files(manifest)
    const pruned = work.alone(own.map(({ block: slot }) => slot))
    const blocks = new Set(own.map(({ block: slot }) => blockOfSlot(slot, work.blocks)))
    const merged = new Map([...files].filter(([block]) => pruned !== null || blocks.has(block)))
    return merges.using([manifest], async () => {
      const alone = await (pruned === null ? this.ofOwn(own) : this.perplexityOf(own, new Map([...files, ...pruned])))
      const together = await work.perplexity(merged, this.signal)
      return { type: 'measured', manifest, harm: Number.isFinite(alone) ? together / alone : NONE }
    })
  }

  /** Own contributions become blocks in the way of all others: by a merge, of nothing else. */
  private ofOwn(own: readonly ManifestEntry[]): Promise<number> {
    const { merges } = this.components
    const key = manifestKey(null, own)
    return merges.using([key], async () => {
      if (this.alone?.key === key) return this.alone.perplexity
      return this.perplexityOf(own, filesOf(await merges.merge(key, own, null, this.signal)))
    })
  }

  private perplexityOf(own: readonly ManifestEntry[], files: ReadonlyMap<number, string>): Promise<number> {
    const key = manifestKey(null, own)
    if (this.alone?.key !== key) this.alone = { key, perplexity: this.components.work.perplexity(files, this.signal) }
    return this.alone.perplexity
  }
}
