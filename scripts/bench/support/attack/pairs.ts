/** Pairs of neighbouring tokens: what sums over a text show of the order of its words, to one who knows these. */
import { drawer } from '../../../../src/form/draw.ts'
import type { Windows } from '../../../../src/form/windows.ts'

interface Pairs {
  /** Windows of two tokens, one behind the other. */
  ids: Int32Array
  /** How often the text has each; 0: it is a decoy. */
  counts: Float64Array
}

/** Decoys for each pair of the text, so that of as many guesses this share and one more is right by chance. */
export const DECOYS = 3

/** The different pairs of a text, and decoys: pairs of its words that do not stand beside each other in it. */
export function pairsOf({ ids, count, length }: Windows): Pairs {
  const counts = new Map<string, { pair: [number, number]; count: number }>()
  const add = (first: number, second: number, times: number) => {
    const known = counts.get(`${first} ${second}`) ?? { pair: [first, second], count: 0 }
    counts.set(`${first} ${second}`, { ...known, count: known.count + times })
  }
  for (let window = 0; window < count; window++) {
    for (let at = window * length + 1; at < (window + 1) * length; at++) add(ids[at - 1], ids[at], 1)
  }
  const draw = drawer(Buffer.from('decoys'))
  for (const wanted = (1 + DECOYS) * counts.size; counts.size < wanted; )
    add(ids[draw(ids.length)], ids[draw(ids.length)], 0)
  // The first of pairs that cannot be told apart is guessed: their order must not tell either.
  const all = [...counts.values()].sort((a, b) => a.pair[0] - b.pair[0] || a.pair[1] - b.pair[1])
  return { ids: Int32Array.from(all.flatMap(({ pair }) => pair)), counts: Float64Array.from(all, (each) => each.count) }
}
