/** How each job is done, inside a worker. Decoders stay open between jobs: sessions are made once. */

import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../errors.ts'
import {
  type BlockContribution,
  decodeContribution,
  encodeContribution,
  toContribution,
} from '../merge/contribution.ts'
import { type BlockForm, type PrunerName, payloadOf, type SparsityTarget } from '../merge/form.ts'
import { fedavgBlock, mergeBlock } from '../merge/l0.ts'
import { countZeros } from '../merge/mask.ts'
import {
  applyMerged,
  decodeMergedBlock,
  encodeMergedBlock,
  type MergedBlock,
  maskChange,
} from '../merge/merged-block.ts'
import { blockRoot } from '../merge/roots.ts'
import { InvalidContributionError, validateContribution } from '../merge/validate.ts'
import { loadBlock, storeBlock } from '../model/block-store.ts'
import { Decoder } from '../model/decoder.ts'
import { modelHash } from '../model/hash.ts'
import { perplexity, type WeightsOf } from '../model/perplexity.ts'
import { tokenStream } from '../model/text.ts'
import { openTokenizer } from '../model/tokenizer.ts'
import { compareWritten, expectedRun, writeModel } from '../model/write.ts'
import { type PrunedBlock, pruneSequential } from '../prune/sequential.ts'
import { Solvers } from '../prune/solvers.ts'
import type { BlockFile, JobContext, JobName, Jobs } from './jobs.ts'

export type Handlers = {
  [Name in JobName]: (args: Jobs[Name]['args'], context: JobContext) => Promise<Jobs[Name]['result']>
}

export function createHandlers(threads: number): Handlers {
  const decoders = new Map<string, Decoder>()
  const open = (dir: string): Decoder => {
    const known = decoders.get(dir)
    if (known) return known
    const decoder = Decoder.open(dir, { threads })
    decoders.set(dir, decoder)
    return decoder
  }
  let solvers: Promise<Solvers> | undefined

  return {
    async describe({ dir }) {
      const { name, parameters, blocks, forms, layers, maxWindow } = open(dir)
      return { name, parameters, blocks, forms, layers, maxWindow }
    },

    async hash({ dir }) {
      return modelHash(open(dir))
    },

    async tokenise({ dir, source, separator }) {
      return tokenStream(openTokenizer(dir), source, separator)
    },

    async prune({ dir, pruner, target, blocks, windows, weights, out, as }, { signal, emit }) {
      const decoder = open(dir)
      return pruneSequential(decoder, await (solvers ??= Solvers.create(threads)), {
        pruner,
        target,
        blocks,
        windows,
        weightsOf: weightsOf(decoder, weights),
        signal,
        onProgress: (done, total) => emit({ type: 'progress', done, total }),
        onBlock(pruned) {
          const path =
            as === 'stored'
              ? storeBlock(
                  out,
                  pruned.block,
                  pruned.layers.map(({ weight }) => weight),
                )
              : writeContribution(out, decoder, pruner, target, pruned)
          const zeros = pruned.layers.map(({ mask, weight }) => countZeros(mask, weight.length))
          const damping = pruned.layers.map((layer) => layer.damping)
          emit({ type: 'block', report: { block: pruned.block, path, bytes: statSync(path).size, zeros, damping } })
        },
      })
    },

    async evaluate({ dir, windows, weights }, { signal, emit }) {
      const decoder = open(dir)
      return perplexity(decoder, windows, weightsOf(decoder, weights), {
        signal,
        onProgress: (done, total) => emit({ type: 'progress', done, total }),
      })
    },

    async validate({ dir, pruner, target, block, path }) {
      const decoder = open(dir)
      const form = decoder.forms[block]
      try {
        const contribution = decodeContribution(form, payloadOf(pruner), readFileSync(path))
        validateContribution(form, payloadOf(pruner), pruner, target, decoder.baseWeights(block), contribution)
        return null
      } catch (error) {
        if (error instanceof InvalidContributionError) return `${error.reason}: ${error.message}`
        throw error
      }
    },

    async merge({ dir, pruner, target, block, paths, out, previous }) {
      const decoder = open(dir)
      const form = decoder.forms[block]
      const merged = mergeBlock(
        form,
        pruner,
        target,
        decoder.baseWeights(block),
        readContributions(form, pruner, paths),
      )
      const bytes = encodeMergedBlock(form, merged)
      writeFileSync(out, bytes)
      const { moved, bits } = maskChange(
        form,
        previous === null ? null : decodeMergedBlock(form, readFileSync(previous)),
        merged,
      )
      const zeros = merged.layers.reduce(
        (sum, { mask }, role) => sum + countZeros(mask, form.layers[role].rows * form.layers[role].cols),
        0,
      )
      return { root: blockRoot(bytes), moved, bits, zeros }
    },

    async fedavg({ dir, pruner, target, block, paths, merged, out }) {
      const decoder = open(dir)
      const form = decoder.forms[block]
      const base = decoder.baseWeights(block)
      const average = fedavgBlock(
        form,
        pruner,
        target,
        base,
        readContributions(form, pruner, paths),
        readMerged(form, merged),
      )
      return { path: storeBlock(out, block, average) }
    },

    async write({ dir, weights, out, check }) {
      const decoder = open(dir)
      writeModel(decoder, weightsOf(decoder, weights), out)
      return expectedRun(decoder, weightsOf(decoder, weights), out, check)
    },

    async compare({ dir, weights, written }) {
      const decoder = open(dir)
      return compareWritten(decoder, weightsOf(decoder, weights), written)
    },

    async zeros({ dir }) {
      const decoder = open(dir)
      return decoder.forms.flatMap((_, block) =>
        decoder.baseWeights(block).map((weight) => weight.reduce((sum, w) => sum + Number(w === 0), 0)),
      )
    },
  }
}

function weightsOf(decoder: Decoder, files: readonly BlockFile[]): WeightsOf {
  const byBlock = new Map(files.map((file) => [file.block, file]))
  return (block) => {
    const file = byBlock.get(block)
    if (file === undefined) return undefined
    const form = decoder.forms[block]
    if (file.kind === 'stored') return loadBlock(file.path, form)
    return applyMerged(form, decoder.baseWeights(block), readMerged(form, file.path))
  }
}

function readMerged(form: BlockForm, path: string): MergedBlock {
  return decodeMergedBlock(form, readFileSync(path))
}

function readContributions(form: BlockForm, pruner: PrunerName, paths: readonly string[]): BlockContribution[] {
  return paths.map((path) => decodeContribution(form, payloadOf(pruner), readFileSync(path)))
}

/** Writes what this site offers for a block, once it has passed the checks that every other member will make. */
function writeContribution(
  dir: string,
  decoder: Decoder,
  pruner: PrunerName,
  target: SparsityTarget,
  { block, layers, meanSquares }: PrunedBlock,
): string {
  const form = decoder.forms[block]
  const kind = payloadOf(pruner)
  const names = decoder.layers.filter((layer) => layer.block === block).map(({ name }) => name)
  const contribution = toContribution(form, kind === 'weights' ? layers : undefined, meanSquares, names)
  try {
    validateContribution(form, kind, pruner, target, decoder.baseWeights(block), contribution)
  } catch (cause) {
    if (!(cause instanceof InvalidContributionError)) throw cause
    throw new InputError({
      code: 'CONTRIBUTION_REFUSED',
      what: `the other members would refuse this site's contribution to block ${block} (${cause.reason}: ${cause.message})`,
      hint: 'The layer moved too far from the base model: prune with a lower --sparsity or with more --windows.',
      cause,
    })
  }
  const path = join(dir, `contribution-${block}`)
  writeFileSync(path, encodeContribution(form, contribution))
  return path
}
