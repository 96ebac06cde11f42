/** The shape of the report with which peer, join and resume end: the one object of --json, and report.json. */
import { z } from 'zod'

export const count = z.int().nonnegative()
export const share = z.number().min(0).max(1)
export const hash = z.string().regex(/^[0-9a-f]{64}$/)
export const site = z.strictObject({
  name: z.string().describe('its name, of its own choice'),
  peer: z.string().describe('its peer id'),
})
/** Which part of a masked plan a round has decided; absent where the plan is open. */
export const phase = {
  phase: z.enum(['keys', 'sheets', 'list', 'reveal']).optional().describe('in a masked plan: what it decides'),
  opening: count.nullable().optional().describe('in a masked plan: the opening; null: it is for all of them'),
  sites: count.optional().describe('in a masked plan: the sites whose keys or sheets are there, or that are listed'),
}

const perplexity = z.strictObject({
  text: z.string(),
  tokens: count.describe('number of predictions'),
  windows: count,
  window: count.describe('tokens a window'),
  base: z.number(),
  alone: z.number().nullable().describe('of the model that this site would have alone; null: not known'),
  together: z.number(),
})

const contribution = z.strictObject({
  round: count,
  block: count,
  time: z.iso.datetime().describe('when it was announced'),
  bytes: count,
  hash: hash.describe('its name among peers, and in contributions/'),
  to: z.array(z.string()).describe('peer ids of the members that fetched it from here'),
})

export const memberReportSchema = z.strictObject({
  federation: hash.describe("its id: the plan's hash"),
  peer: z.string().describe('peer id of this site'),
  root: hash.describe('of the merged model'),
  certificates: z.array(hash).describe('one id a round'),
  sparsity: share.describe('share of zeros; of removed units where structures are removed'),
  zeros: count,
  weights: count,
  certified: z
    .strictObject({
      liars: count,
      members: count,
      share,
      layers: z.array(z.strictObject({ layer: z.string(), share })),
    })
    .nullable()
    .describe("share of the mask bits that no liars could have changed; null: the plan's rule does not tell"),
  out: z.string().describe('directory of the results'),
  members: z.array(site).describe('in the order of the plan'),
  perplexity: z.array(perplexity).nullable().describe('one entry a text; null: nothing was measured'),
  left: z
    .strictObject({
      contributions: z.array(contribution),
      payloadBytes: count.describe('bytes of these contributions'),
      sentBytes: count.describe("bytes over this site's sockets"),
      receivedBytes: count,
      whole: z.boolean().describe('false: an earlier process of this site has sent more'),
    })
    .describe('what has left this site'),
  rounds: z.array(
    z.strictObject({ round: count, contributions: count, uncovered: z.array(count), maskChange: share, ...phase }),
  ),
  refused: z
    .array(z.strictObject({ peer: z.string().nullable(), rejected: count, excess: count }))
    .describe('messages of members that were not taken in'),
  seconds: z.number().nonnegative().describe('since the command began'),
  peakMemoryBytes: count,
})
