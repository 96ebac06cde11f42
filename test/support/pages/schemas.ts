/** Parts of the reports of --json that only some commands have, key by key. */
import { z } from 'zod'
import { count } from '../../../scripts/operate/report-schema.ts'

export const calibrationSchema = z.strictObject({ texts: z.array(z.string()), windows: count, window: count })
