/** The job of pruning: each block becomes a file. With a checkpoint these files outlast the process. */
import { InputError } from '../../base/errors.ts'
import { storeBlock } from '../../files/block-store.ts'
import { type StoredFile, storeFile } from '../../files/stored-file.ts'
import { payloadOf } from '../../form/method.ts'
import { encodeContribution, toContribution } from '../../merge/masks/contribution.ts'
import { encodeMergedBlock } from '../../merge/masks/merged-block.ts'
import { InvalidContributionError, validateContribution } from '../../merge/masks/validate.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import { FIRST_BLOCK, type Vocabulary } from '../../model/forward/vocabulary.ts'
import { Checkpoint } from '../../prune/run/checkpoint.ts'
import type { FinishedBlock } from '../../prune/run/prune-record.ts'
import { type PrunedBlock, type PruneSeconds, pruneSequential } from '../../prune/run/sequential.ts'
import type { Bench } from '../bench.ts'
import { contributionPath, ownBlockPath } from '../block-files.ts'
import { meansAbove, storeMoments } from '../federation/moments-file.ts'
import type { JobContext, PrunedBlockReport } from '../job.ts'
import { fingerprintOfArgs, type PruneArgs } from './prune-args.ts'

/**
 * Prunes blocks; each is written to `out` as it is done, as a contribution or as float32 weights, and reported. With
 * `resume`, `out` is a checkpoint: blocks of this same prune that it holds are reported first, and not pruned again.
 * @throws {OutputError} as Checkpoint.open does; {InputError} as the pruners do
 */
export async function prune(args: PruneArgs, bench: Bench, { signal, emit }: JobContext): Promise<PruneSeconds> {
  const { pruner, target, blocks, windows, out, resume } = args
  const decoder = bench.open(args.dir)
  const [solvers, weightsOf] = [await bench.solvers(), await bench.weightsOf(args)]
  const checkpoint = resume && Checkpoint.open(out, fingerprintOfArgs(decoder, args, resume.modelHash), resume.other)
  const report = (block: FinishedBlock) => emit({ type: 'block', report: toReport(block) })
  for (const block of checkpoint?.finished ?? []) report(block)
  let pruned: FinishedBlock | undefined
  let moments: StoredFile[] = []
  return pruneSequential(decoder, solvers, {
    pruner,
    target,
    blocks,
    windows,
    vocabulary: vocabularyFor(args, bench),
    weightsOf,
    signal,
    from: checkpoint ?? undefined,
    onProgress: (done, total) => emit({ type: 'progress', done, total }),
    async onStatistics(block, inputs) {
      if (args.as !== 'moments') return
      const own = inputs.map(({ meanSquares, gram = new Float32Array(), tokens }) => {
        return { meanSquares, gram: meansAbove(gram, meanSquares.length, tokens) }
      })
      moments = [await storeMoments(out, block, own)]
    },
    async onBlock(block) {
      const fit = { damping: block.layers.map(({ damping }) => damping), error: block.layers.map(({ error }) => error) }
      const beside = args.as === 'moments' ? [...moments, await storeOwnBlock(decoder, args, block)] : []
      pruned = { block: block.block, file: await write(decoder, args, block), beside, ...fit }
    },
    async onFinished(block, stream, seconds) {
      if (pruned?.block !== block) throw new Error(`block ${block} is finished without having been pruned`)
      await checkpoint?.finish(pruned, stream, seconds)
      report(pruned)
    },
  })
}

/**
 * Offers to others show nothing that the vocabulary could show instead; a site alone has nobody to hide its
 * text from.
 */
function vocabularyFor({ dir, as, blocks, windows }: PruneArgs, bench: Bench): Vocabulary | undefined {
  if (as === 'stored' || windows === undefined || !blocks.includes(FIRST_BLOCK)) return undefined
  return { ids: bench.tokenIds(dir), window: windows.length }
}

function toReport({ block, file: { path, bytes }, damping, error }: FinishedBlock): PrunedBlockReport {
  return { block, path, bytes, damping, error }
}

function write(decoder: Decoder, args: PruneArgs, pruned: PrunedBlock): Promise<StoredFile> {
  if (args.as === 'moments') return storeStatistics(decoder, args, pruned)
  if (args.as === 'contribution') return storeContribution(decoder, args, pruned)
  const weights = pruned.layers.map(({ weight }) => weight)
  return storeBlock(args.out, pruned.block, weights)
}

/** Writes the mean squares of a block's inputs, which are all that is offered at first. */
function storeStatistics(
  decoder: Decoder,
  { out }: PruneArgs,
  { block, meanSquares }: PrunedBlock,
): Promise<StoredFile> {
  const form = decoder.forms[block]
  const contribution = toContribution(form, undefined, meanSquares)
  return storeFile(contributionPath(out, block), [encodeContribution(form, contribution)])
}

/** Writes the block as this site alone prunes it. It stays here: merges are compared with it. */
function storeOwnBlock(decoder: Decoder, { out }: PruneArgs, { block, layers }: PrunedBlock): Promise<StoredFile> {
  const form = decoder.forms[block]
  const { layers: sparse = [] } = toContribution(form, layers, [], namesOf(decoder, block))
  return storeFile(ownBlockPath(out, block), [encodeMergedBlock(form, { layers: sparse })])
}

function namesOf(decoder: Decoder, block: number): string[] {
  return decoder.layers.filter((layer) => layer.block === block).map(({ name }) => name)
}

/** Writes the contribution to a block, after the checks that every other member will make. */
async function storeContribution(
  decoder: Decoder,
  { pruner, target, out }: PruneArgs,
  { block, layers, meanSquares }: PrunedBlock,
): Promise<StoredFile> {
  const form = decoder.forms[block]
  const kind = payloadOf(pruner)
  const contribution = toContribution(
    form,
    kind === 'weights' ? layers : undefined,
    meanSquares,
    namesOf(decoder, block),
  )
  try {
    validateContribution({ form, method: { pruner, target }, base: decoder.baseWeights(block) }, kind, contribution)
  } catch (cause) {
    if (!(cause instanceof InvalidContributionError)) throw cause
    throw new InputError({
      code: 'CONTRIBUTION_REFUSED',
      what: `the other members would refuse this site's contribution to block ${block} (${cause.reason}: ${cause.message})`,
      hint: 'The layer moved too far from the base model: prune with a lower --sparsity or with more --windows.',
      cause,
    })
  }
  return storeFile(contributionPath(out, block), [encodeContribution(form, contribution)])
}
