/**
 * Keeps the smaller model with which a recovery begins until that is over, so that an interrupted command need not
 * choose again.
 */
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
import { TRAINING_NAME } from '../../common/recovery.ts'
import { counted } from '../../terminal/numbers.ts'

/** The directory of the model in the output's scratch. */
export const SMALLER = 'smaller'
/** A number that changes whenever the same arguments give another model than before. */
const DOMAIN = 'coppice/shrink/2'

/** LLM-Pruner's names, for records and messages. */
const PAPER_NAMES = { 'heads-and-channels': 'block', blocks: 'layer', 'hidden-channels': 'channel' } as const

interface Smaller {
  /** The hash of the model's files. */
  hash: string
  shrunk: CheckedModel
}

/** The record beside the model, written after it. */
const SMALLER_RECORD = new RecordFile<Smaller>('smaller.json', 2)

/** The fingerprint of all that decides the smaller model. @param name - the name of the base, for messages */
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
 * Returns the model that an interrupted command has left, or the one that `shrink` makes now. It is kept until the
 * recovery is over.
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
    work.terminal.note('The smaller model was made already: going on with its recovery')
    return kept
  }
  for (const old of [SMALLER_RECORD.name, SMALLER]) await rm(join(scratch, old), { recursive: true, force: true })
  const shrunk = await shrink(join(scratch, SMALLER))
  await SMALLER_RECORD.replace(scratch, own, { hash: await hashOf(work, scratch), shrunk })
  return shrunk
}

/** The kept model; null: there is none of this fingerprint, or it is damaged. */
async function keptModel(work: EngineRun, scratch: string, own: Fingerprint): Promise<CheckedModel | null> {
  const kept = SMALLER_RECORD.find(scratch, own)
  if (kept.is === 'other' && TRAINING_RECORD.liesIn(join(scratch, TRAINING_NAME)))
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
