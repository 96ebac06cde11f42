/** How far the totals of mean squares of honest sites lie above the part of one of them. */
import { median } from '../../../src/base/quantile.ts'
import type { Windows } from '../../../src/form/windows.ts'
import type { Decoder } from '../../../src/model/forward/decoder.ts'
import { Stream } from '../../../src/model/forward/stream.ts'

/** The largest of all inputs and sites: a total divided by a site's own part, and by the number of sites. */
interface OwnShares {
  /** For the sums over all columns. */
  all: number
  /** For the column in the middle. */
  middle: number
}

/** @param sites - the texts, which flow through the dense model */
export async function ownShares(decoder: Decoder, sites: readonly Windows[]): Promise<OwnShares> {
  const streams: Stream[] = []
  for (const windows of sites) streams.push(await Stream.start(decoder, windows))
  const most: OwnShares = { all: 0, middle: 0 }
  for (const [block, { inputs }] of decoder.forms.entries()) {
    const found: Float64Array[][] = []
    for (const stream of streams) {
      const statistics = await stream.observe(block, 'squares')
      found.push(statistics.map(({ sumSquares }) => Float64Array.from(sumSquares, (sum) => sum / stream.tokens)))
    }
    for (const input of inputs.keys()) {
      const parts = found.map((own) => own[input])
      const totals = parts[0].map((_, j) => parts.reduce((sum, own) => sum + own[j], 0))
      for (const own of parts) {
        const live = [...own.keys()].filter((j) => own[j] > 0)
        most.all = Math.max(most.all, sumOf(totals) / sumOf(own) / sites.length)
        most.middle = Math.max(most.middle, median(live.map((j) => totals[j] / own[j])) / sites.length)
      }
    }
    for (const stream of streams) await stream.pass(block, undefined)
  }
  return most
}

function sumOf(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0)
}
