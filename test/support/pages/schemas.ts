/** Parts that several reports of --json share, key by key. */
import { z } from 'zod'

const count = z.number().int().nonnegative()
const seconds = z.number().nonnegative()
const share = z.number().nonnegative().nullable()

export const machineSchema = z.strictObject({
  ...{ processor: z.string(), cores: count, memoryBytes: count, system: z.string() },
  mark: z.string().regex(/^[0-9a-f]{16}$/),
})

const layer = {
  ...{ name: z.string(), block: count, shape: z.tuple([count, count]), zeros: count },
  ...{ damping: share, error: share },
}

/** Of a model that one site has pruned. */
export const prunedLayersSchema = z.array(z.strictObject(layer))
/** Of a model that several sites have pruned. */
export const layersSchema = z.array(z.strictObject({ ...layer, agreement: share }))

export const timesSchema = z.strictObject({
  began: z.iso.datetime(),
  rounds: z.array(
    z.strictObject({
      ...{ round: count, began: seconds, ended: seconds.nullable() },
      worked: z.array(z.strictObject({ member: count, from: seconds, to: seconds })),
      sent: z.array(z.strictObject({ member: count, at: seconds, bytes: count.nullable() })),
      proposed: z.array(z.strictObject({ member: count, attempt: count, at: seconds })),
    }),
  ),
})

export const calibrationSchema = z.strictObject({ texts: z.array(z.string()), windows: count, window: count })
