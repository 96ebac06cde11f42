/** Contributions of masks and statistics, read from files. */
import { readFileSync } from 'node:fs'
import type { BlockForm } from '../../form/block-form.ts'
import { type PrunerName, payloadOf } from '../../form/method.ts'
import { type BlockContribution, decodeContribution } from '../../merge/masks/contribution.ts'

export function readContributions(form: BlockForm, pruner: PrunerName, paths: readonly string[]): BlockContribution[] {
  return paths.map((path) => decodeContribution(form, payloadOf(pruner), readFileSync(path)))
}
