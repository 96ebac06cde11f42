/** The smaller model that a recovery begins with, kept until that is over: who goes on with it does not choose anew. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ppmToFraction } from '../../../src/base/decimal.ts'
import { InputError } from '../../../src/base/errors.ts'
import { type Fingerprint, fingerprint } from '../../../src/files/fingerprint.ts'
import { RecordFile } from '../../../src/files/record.ts'
import type { CheckedModel } from '../../../src/jobs/plain-runs.ts'
import type { ShrinkArgs } from '../../../src/jobs/structure/shrink-args.ts'
import { TRAINING_RECORD } from '../../../src/recover/training-record.ts'
import { type EngineRun, labelled } from '../../common/engine.ts'
import type { OutputDirectory } from '../../common/output-directory.ts'
import { TRAINING } from '../../common/recovery.ts'
import { counted } from '../../terminal/numbers.ts'

/** In the output's scratch: the model. */
export const SMALLER = 'smaller'
/** Another number where the same arguments give another model than before. */
const DOMAIN = 'coppice/shrink/2'

/** LLM-Pruner's, in what is kept and told. */
const PAPER_NAMES = { 'heads-and-channels': 'block', blocks: 'layer', 'hidden-channels': 'channel' } as const

interface Smaller {
  /** Of the model's files. */
  hash: string
  shrunk: CheckedModel
}

/** Beside the model, and written after it. */
const SMALLER_RECORD = new RecordFile<Smaller>('smaller.json', 2)

/** What decides which model comes out. @param name - of the base, for people */
export async function shrinkFingerprint(
  work: EngineRun,
  name: string,
  args: Omit<ShrinkArgs, 'out'>,
): Promise<Fingerprint> {
  const { what } = args
  const { amount, importance } = what
  const granularity = PAPER_NAMES[what.granularity]
  const how = [
    'gone' in amount ? `ratio ${ppmToFraction(amount.gone)}` : `${ppmToFraction(amount.left)} of the parameters`,
    granularity,
    ...('blocks' in what ? [what.blocks === null ? 'all blocks' : `blocks ${what.blocks.join(':')}`] : []),
    importance,
    ...('reduction' in what ? [what.reduction] : []),
    ...('groupQueries' in what ? [`queries by ${what.groupQueries}`] : []),
    ...('seed' in what ? [`seed ${what.seed}`] : []),
    ...('steps' in what ? [counted(what.steps, 'step')] : []),
    ...('refit' in what && what.refit ? ['refitted'] : []),
    ...('uniform' in what && what.uniform ? ['uniform'] : []),
  ]
  const { count, length } = args.windows
  const modelHash = await labelled(work, 'Hashing the model', 'hash', { dir: args.dir })
  return fingerprint({
    ...{ domain: DOMAIN, modelName: name, modelHash, windows: args.windows },
    settings: { ...what, granularity },
    words: [...how, `${counted(count, 'window')} of ${length}`].join(', '),
  })
}

/**
 * The model that an interrupted command has left for its recovery, or what `shrink` makes; kept until that is over.
 * @throws {OutputError} OUTPUT_OTHER_RECOVERY: another model is being recovered there
 */
export async function keptOrMade(
  work: EngineRun,
  { scratch }: OutputDirectory,
  own: Fingerprint,
  shrink: (out: string) => Promise<CheckedModel>,
): Promise<CheckedModel> {
  const kept = await keptModel(work, scratch, own)
  if (kept !== null) {
    work.terminal.note('What is to go was chosen already: going on with the smaller model')
    return kept
  }
  for (const old of [SMALLER_RECORD.name, SMALLER]) await rm(join(scratch, old), { recursive: true, force: true })
  const shrunk = await shrink(join(scratch, SMALLER))
  await SMALLER_RECORD.replace(scratch, own, { hash: await hashOf(work, scratch), shrunk })
  return shrunk
}

/** null: there is none of this fingerprint, or it is damaged. */
async function keptModel(work: EngineRun, scratch: string, own: Fingerprint): Promise<CheckedModel | null> {
  const kept = SMALLER_RECORD.find(scratch, own)
  if (kept.is === 'other' && TRAINING_RECORD.liesIn(join(scratch, TRAINING)))
    TRAINING_RECORD.refuseOther(scratch, kept.told)
  if (kept.is !== 'same') return null
  try {
    return (await hashOf(work, scratch)) === kept.value.hash ? kept.value.shrunk : null
  } catch (error) {
    if (error instanceof InputError) return null // it is no model any more
    throw error
  }
}

async function hashOf(work: EngineRun, scratch: string): Promise<string> {
  const hash = await labelled(work, 'Hashing the smaller model', 'hash', { dir: join(scratch, SMALLER) })
  return Buffer.from(hash).toString('hex')
}
