/** How each job is done, inside a worker. Decoders stay open between jobs: sessions are made once. */

import { readFileSync, writeFileSync } from 'node:fs'
import { type BlockContribution, decodeContribution } from '../merge/contribution.ts'
import { type BlockForm, type PrunerName, payloadOf } from '../merge/form.ts'
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
import { Solvers } from '../prune/solvers.ts'
import { describeStructures } from '../structure/describe.ts'
import type { BlockFile, JobContext, JobName, Jobs } from './jobs.ts'
import { prune, unfinished } from './prune-job.ts'
import { shrink } from './shrink-job.ts'

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

    async tokenise({ dir, source, separator, wanted }) {
      return tokenStream(openTokenizer(dir), source, separator, wanted)
    },

    async prune(args, context) {
      const decoder = open(args.dir)
      return prune(
        decoder,
        await (solvers ??= Solvers.create(threads)),
        weightsOf(decoder, args.weights),
        args,
        context,
      )
    },

    async unfinished(args) {
      return unfinished(open(args.dir), args)
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
      return { path: storeBlock(out, block, average).path }
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

    async structures({ dir, groupQueries }) {
      return describeStructures(open(dir), groupQueries)
    },

    async shrink(args, context) {
      return shrink(open(args.dir), args, context)
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
