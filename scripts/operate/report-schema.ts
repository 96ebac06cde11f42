/** The shape of the report with which peer, join and resume end: the one object of --json, and report.json. */
import { z } from 'zod'

export const count = z.int().nonnegative()
export const share = z.number().min(0).max(1)
export const hash = z.string().regex(/^[0-9a-f]{64}$/)
export const site = z.strictObject({
  name: z.string().describe('its name, of its own choice'),
  peer: z.string().describe('its peer id'),
})
/** The part of a masked plan that a round has decided; absent where the plan is open. */
export const phase = {
  phase: z.enum(['keys', 'sheets', 'list', 'reveal']).optional().describe('in a masked plan: what it decides'),
  opening: count.nullable().optional().describe('in a masked plan: the opening; null: it is for all of them'),
  sites: count.optional().describe('in a masked plan: the sites whose keys or sheets are there, or that are listed'),
}

/** The terms of a federation. */
export const planSchema = z.strictObject({
  id: hash.describe("the federation's id"),
  pruner: z.string(),
  sparsity: share.nullable().describe('null with a pattern, and where structures are removed'),
  pattern: z.string().nullable().describe('such as 2:4'),
  structures: z
    .strictObject({
      ratio: share.describe('of the heads and channels of a block'),
      blocks: z.tuple([count, count]).describe('the first, and the one behind the last'),
      steps: count.describe('of training in a round'),
    })
    .optional()
    .describe('only where structures are removed'),
  merge: z.enum(['l0', 'trimmed', 'pooled']),
  masked: z.boolean().describe('whether only sums of contributions can be seen'),
  rounds: count.describe('at most'),
  windows: count.describe('of text, a site'),
  window: count.describe('tokens a window'),
  sample: share.describe('of the blocks, for a site and round'),
  model: z.strictObject({ name: z.string(), hash, parameters: count }),
})

const shareOrNull = z.number().nonnegative().nullable()
const seconds = z.number().nonnegative()

export const machineSchema = z.strictObject({
  processor: z.string(),
  cores: count,
  memoryBytes: count,
  system: z.string(),
  mark: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .describe('of its arithmetic: machines of one mark give the same bits'),
})

const layer = {
  name: z.string(),
  block: count,
  shape: z.tuple([count, count]),
  zeros: count,
  damping: shareOrNull,
  error: shareOrNull,
}

/** Layers of a model that one site has pruned. */
export const prunedLayersSchema = z.array(z.strictObject(layer))
/** Layers of a model that several sites have pruned. */
export const layersSchema = z.array(z.strictObject({ ...layer, agreement: shareOrNull }))

export const timesSchema = z.strictObject({
  began: z.iso.datetime(),
  rounds: z.array(
    z.strictObject({
      round: count,
      began: seconds,
      ended: seconds.nullable(),
      worked: z.array(z.strictObject({ member: count, from: seconds, to: seconds })),
      sent: z.array(z.strictObject({ member: count, at: seconds, bytes: count.nullable() })),
      proposed: z.array(z.strictObject({ member: count, attempt: count, at: seconds })),
    }),
  ),
})

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
  coppice: z.string().describe('version of the program'),
  plan: planSchema.describe('the terms'),
  layers: layersSchema.nullable().describe('see report.md; null where structures are removed'),
  errorOf: z.enum(['plan', 'sites']).nullable().describe('whose solve the errors are of'),
  times: timesSchema.nullable().describe('seconds since `began`, of what this site has heard; null: not known'),
  machine: machineSchema,
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
      ownBytes: count.describe('bytes of its own contributions that others fetched from here'),
      othersBytes: count.describe("bytes of others' contributions that it passed on"),
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
