/** The votes of honest sites on a sum: some doubt it by their own part, some find that it harms their own text. */

/** The findings on one decision: a group of blocks, or a round. */
export interface Judgement {
  /** A total that no honest sites can have, in words; every site finds it. null: there is none. */
  impossible: string | null
  /** One entry an honest site: why the total does not fit its own part, or null. None where nobody looks. */
  doubts: (string | null)[]
  /** One entry an honest site: the harm to its own text. */
  harms: number[]
}

interface Voting {
  /** The largest harm that a site prevotes. */
  limit: number
  quorum: number
  members: number
}

/** How honest sites stop a lie, by the first decision in which they do; null: nothing stops it. The liar votes yes. */
export function stoppedBy(judgements: readonly Judgement[], { limit, quorum, members }: Voting): string | null {
  for (const { impossible, doubts, harms } of judgements) {
    if (impossible !== null) return `impossible total: ${impossible}`
    const doubting = doubts.filter((doubt) => doubt !== null).length
    const against = harms.filter((harm, i) => harm > limit || (doubts[i] ?? null) !== null).length
    if (members - against < quorum) {
      return doubting > 0 ? `doubted by ${doubting} of ${doubts.length}` : `${against} of ${harms.length} vote no`
    }
  }
  return null
}

/** The largest harm of all; null: there was none to measure. */
export function largestHarm(judgements: readonly Judgement[]): number | null {
  const harms = judgements.flatMap((judgement) => judgement.harms)
  return harms.length === 0 ? null : Math.max(...harms)
}
