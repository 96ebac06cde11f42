/**
 * The job of making a site's contributions, if structures are removed. In the first round it offers importances, which
 * are measured on the base model; they are kept, so that a later run need not compute them again. After the first merge
 * it trains adapters on the smaller model that the merge gives, starting from the merged adapters.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../../base/errors.ts'
import { type Fingerprint, fingerprint } from '../../files/fingerprint.ts'
import { RecordFile } from '../../files/record.ts'
import { digestOf, readStored, type StoredFile, storeFile } from '../../files/stored-file.ts'
import type { StructuredTarget } from '../../form/method.ts'
import type { Windows } from '../../form/windows.ts'
import { InvalidContributionError } from '../../merge/masks/validate.ts'
import { blockOfSlot, isSecondSlot } from '../../merge/slots.ts'
import { scaledImportances } from '../../merge/structures/scaled-importances.ts'
import {
  encodeStructured,
  type StructuredContribution,
  type TrainedAdapters,
  validateAdapters,
} from '../../merge/structures/structured-contribution.ts'
import { clearOtherTraining, restoreTraining, storeTraining } from '../../recover/checkpoint.ts'
import type { TrainSettings } from '../../recover/train.ts'
import { unitImportances } from '../../structure/choose/offered-importance.ts'
import { free } from '../../structure/cut/structured-forms.ts'
import type { StructuredModel } from '../../structure/federated/structured-model.ts'
import type { Bench } from '../bench.ts'
import { type BlockFile, contributionPath } from '../block-files.ts'
import type { JobContext } from '../job.ts'
import { AdapterTraining } from './adapter-training.ts'
import { TRAINING, trainingOf } from './training.ts'

/** A number that changes whenever the same inputs give other bits than before. */
const DOMAIN = 'coppice/contribute/2'
/** The number of steps between two checkpoints. */
const STEPS_A_SAVE = 5

interface ContributeArgs {
  dir: string
  target: StructuredTarget
  /** The number of rounds in the plan. */
  rounds: number
  /** Ascending, all of importances or all of adapters: see src/merge/slots.ts. */
  slots: number[]
  windows: Windows
  /** The structured blocks of the last certificate; empty: there is no certificate yet. */
  weights: BlockFile[]
  /** The directory of contributions, and of intermediate results that can be used again. */
  out: string
  modelHash: Uint8Array
}

/**
 * Makes the contributions, and reports the file of each block.
 * @throws {InputError} CONTRIBUTION_REFUSED, TEXT_SHORT, OPERATOR_NO_GRADIENT
 */
export async function contribute(args: ContributeArgs, bench: Bench, context: JobContext): Promise<null> {
  const { dir, slots, out } = args
  const model = await bench.structured(dir)
  mkdirSync(out, { recursive: true })
  const { blocks } = model.decoder
  const contributions = isSecondSlot(slots[0], blocks)
    ? await trainedAdapters(model, args, context)
    : await offeredImportances(model, args, context)
  for (const slot of slots) {
    const block = blockOfSlot(slot, blocks)
    const contribution = contributions[block]
    if ('adapters' in contribution) assertValid(model, args, block, contribution)
    const bytes = encodeStructured(model.forms[block], contribution)
    const file = await storeFile(contributionPath(out, slot), [bytes])
    context.emit({ type: 'block', report: { block: slot, path: file.path, bytes: file.bytes, damping: [], error: [] } })
  }
  return null
}

/** Checks adapters in the same way as every other member will. */
function assertValid(
  { decoder }: StructuredModel,
  args: ContributeArgs,
  block: number,
  trained: TrainedAdapters,
): void {
  const training = trainingOf(decoder, block, args.target, args.rounds)
  try {
    validateAdapters(decoder.baseWeights(block), training, trained)
  } catch (cause) {
    if (!(cause instanceof InvalidContributionError)) throw cause
    throw new InputError({
      code: 'CONTRIBUTION_REFUSED',
      what: `the other members would refuse this site's contribution to block ${block} (${cause.reason}: ${cause.message})`,
      hint: 'Training moved the layer too far from the base model: take part in a plan with fewer steps a round.',
      cause,
    })
  }
}

/** The record of a file of importances: for each structure of each block, one number a unit. */
const IMPORTANCES_RECORD = new RecordFile<{ file: StoredFile }>('importances.json', 1)
const IMPORTANCES_FILE = 'importances.f32'

/** One entry a block. */
async function offeredImportances(
  model: StructuredModel,
  args: ContributeArgs,
  context: JobContext,
): Promise<StructuredContribution[]> {
  const found = await keptImportances(model, args, context)
  return found.map((own) => ({ importances: own.map(scaledImportances) }))
}

/** The importances, kept or computed: indexed by block, structure and unit. */
async function keptImportances(
  { decoder, followed, forms }: StructuredModel,
  args: ContributeArgs,
  { signal, emit }: JobContext,
): Promise<Float32Array[][]> {
  const { windows, out } = args
  const own = fingerprintOf(decoder.name, args, 'importances') // of the whole model, whatever the target
  const known = IMPORTANCES_RECORD.find(out, own)
  const path = join(out, IMPORTANCES_FILE)
  const values = forms.map(({ structures }) => structures.map(({ units }) => new Float32Array(units)))
  if (known.is === 'same' && readStored({ ...known.value.file, path }, values.flat())) return values
  emit({ type: 'progress', done: 0, total: 1 })
  const structures = followed.map((block) => free(block.structures))
  const found = await unitImportances(decoder, structures, windows, signal)
  decoder.sessions.dropOuterWeights()
  await IMPORTANCES_RECORD.replace(out, own, { file: await storeFile(path, found.flat()) })
  emit({ type: 'progress', done: 1, total: 1 })
  return found
}

/** One entry a block: adapters in the base's shapes, in fp16. */
async function trainedAdapters(
  model: StructuredModel,
  args: ContributeArgs,
  { signal, emit }: JobContext,
): Promise<StructuredContribution[]> {
  const { out, target, weights, windows } = args
  const settings: TrainSettings = { ...TRAINING, steps: target.steps }
  const training = new AdapterTraining(model, model.read(weights), settings, join(out, 'smaller'))
  const { state } = training
  const checkpoint = join(out, 'training')
  const print = fingerprintOf(model.decoder.name, args, [
    target,
    weights.map(({ block, path }) => [block, digestOf(path)]),
  ])
  clearOtherTraining(checkpoint, print)
  restoreTraining(checkpoint, print, state)
  try {
    await training.run(windows, {
      signal,
      async onStep() {
        emit({ type: 'progress', done: state.step, total: settings.steps })
        if (state.step % STEPS_A_SAVE === 0) await storeTraining(checkpoint, print, state)
      },
    })
  } finally {
    if (state.step > 0) await storeTraining(checkpoint, print, state)
    await training.close()
  }
  return training.adapters(state.best).map((adapters) => ({ adapters }))
}

function fingerprintOf(modelName: string, { modelHash, windows }: ContributeArgs, settings: unknown): Fingerprint {
  return fingerprint({ domain: DOMAIN, modelName, modelHash, windows, settings, words: 'a federation' })
}
