/** How perplexity is measured, in sentences that stand beside its numbers. */
import { counted, grouped } from '../terminal/numbers.ts'

export const PERPLEXITY =
  'Perplexity says how surprised a model is by a text: lower is better. It is exp of the mean of -ln p over all tokens ' +
  'but the first of each window.'

/** A text that was measured on, and how much of it. */
export interface MeasuredText {
  text: string
  /** Number of predictions. */
  tokens: number
  /** Tokens a window, and the number of windows; undefined: it follows from the other two. */
  window: number
  windows?: number
}

/** The windows of each text. */
export function measuredOn(texts: readonly MeasuredText[]): string {
  const byAmount = Map.groupBy(texts, ({ tokens, windows, window }) => {
    const cut = counted(windows ?? Math.round(tokens / (window - 1)), 'window')
    return `${cut} of ${grouped(window)} tokens, ${counted(tokens, 'prediction')}`
  })
  const amounts = [...byAmount].map(([amount, those]) => {
    const isAll = those.length === texts.length && those.length > 1
    return `${isAll ? 'each text' : those.map(({ text }) => text).join(', ')}: ${amount}`
  })
  return `Windows do not overlap; ${amounts.join('; ')}.`
}
