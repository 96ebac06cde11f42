/** How each job is done, inside a worker. Decoders stay open between jobs: sessions are made once. */

import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadBlock, storeBlock } from '../files/block-store.ts'
import type { BlockForm } from '../form/block-form.ts'
import type { WeightsOf } from '../form/block-weights.ts'
import { countZeros } from '../form/mask.ts'
import type { StructuredTarget } from '../form/method.ts'
import { isStructuredMethod, type PrunerName, payloadOf, type SparseMethod } from '../form/method.ts'
import { unitsToRemove } from '../form/units.ts'
import { type BlockContribution, decodeContribution } from '../merge/masks/contribution.ts'
import { fedavgBlock, mergeBlock } from '../merge/masks/l0.ts'
import {
  applyMerged,
  decodeMergedBlock,
  encodeMergedBlock,
  type MergedBlock,
  maskChange,
} from '../merge/masks/merged-block.ts'
import { InvalidContributionError, validateContribution } from '../merge/masks/validate.ts'
import { blockRoot } from '../merge/roots.ts'
import { decodeStructuredBlock, encodeStructuredBlock, unitChange } from '../merge/structures/structured-block.ts'
import { decodeStructured, structuredBytes, validateStructured } from '../merge/structures/structured-contribution.ts'
import { mergeStructured } from '../merge/structures/structured-merge.ts'
import { Decoder } from '../model/forward/decoder.ts'
import { modelHash } from '../model/forward/hash.ts'
import { perplexity } from '../model/forward/perplexity.ts'
import { embeddingRows } from '../model/graph/embedding-rows.ts'
import { tokenStream } from '../model/text/text.ts'
import { endOfText, TokenizerProcess } from '../model/text/tokenizer.ts'
import { companionsOf } from '../model/write/companions.ts'
import { compareWritten, expectedRun, plainAttempt, writeModel } from '../model/write/write.ts'
import { zerosOf } from '../model/write/zeros.ts'
import { Solvers } from '../prune/run/solvers.ts'
import { instructionRows } from '../recover/instructions.ts'
import { describeStructures } from '../structure/choose/describe.ts'
import { refuseNothing } from '../structure/choose/nothing-removed.ts'
import { StructuredModel } from '../structure/federated/structured-model.ts'
import { rewriteHuggingFace } from '../structure/write/hugging-face.ts'
import { contribute } from './contribute.ts'
import type { BlockFile, JobContext, JobName, Jobs } from './jobs.ts'
import { prune, unfinished } from './prune.ts'
import { recover, unrecovered } from './recover.ts'
import { shrink } from './shrink.ts'

type Handlers = {
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
  const tokenizers = new TokenizerProcess()
  const tokenizerOf = (dir: string) => tokenizers.open(dir, embeddingRows(open(dir).index))
  let solvers: Promise<Solvers> | undefined
  const models = new Map<string, Promise<StructuredModel>>()
  const structured = (dir: string): Promise<StructuredModel> => {
    const known = models.get(dir) ?? StructuredModel.of(open(dir))
    models.set(dir, known)
    return known
  }
  const weightsOf = async (decoder: Decoder, files: readonly BlockFile[]): Promise<WeightsOf> => {
    if (!files.some(({ kind }) => kind === 'structured')) return weightsOfFiles(decoder, files)
    const model = await structured(decoder.directory.dir)
    return model.weightsOf(model.read(files))
  }
  /**
   * The model in whose shapes these weights are written, which is a smaller one where structures were removed.
   * @param scratch - for that one, which is as large as what is written: a directory that is not there, and goes again
   */
  const using = async <T>(
    { dir, weights: files, apart }: { dir: string; weights: readonly BlockFile[]; apart?: readonly string[] },
    scratch: string,
    work: (decoder: Decoder, weights: WeightsOf) => Promise<T>,
  ): Promise<T> => {
    const decoder = open(dir)
    if (!files.some(({ kind }) => kind === 'structured')) return work(decoder, weightsOfFiles(decoder, files))
    const model = await structured(dir)
    const blocks = model.read(files)
    try {
      const smaller = model.cutTo(scratch, blocks, apart)
      const result = await work(smaller, model.smallerWeights(blocks))
      await smaller.close()
      return result
    } finally {
      rmSync(scratch, { recursive: true, force: true })
    }
  }

  return {
    async describe({ dir }) {
      const { name, parameters, blocks, forms, layers, unpruned, maxWindow, fixed } = open(dir)
      const matrices = unpruned.map(({ tensors, ...matrix }) => matrix)
      return { name, parameters, blocks, forms, layers, unpruned: matrices, maxWindow, fixedWindow: fixed.window }
    },

    async attempt({ dir }) {
      return plainAttempt(open(dir))
    },

    async hash({ dir }) {
      return modelHash(open(dir))
    },

    async tokenise({ dir, source, separator, wanted }, { signal }) {
      await using tokenizer = await tokenizerOf(dir)
      const tokens = await tokenStream(tokenizer, source, separator, { wanted, signal })
      tokenizer.assertInEmbedding(tokens, source.name)
      return tokens
    },

    async prune(args, context) {
      const decoder = open(args.dir)
      return prune(
        decoder,
        await (solvers ??= Solvers.create(threads)),
        await weightsOf(decoder, args.weights),
        args,
        context,
      )
    },

    async unfinished(args) {
      return unfinished(open(args.dir), args)
    },

    async evaluate({ dir, windows, weights }, { signal, emit }) {
      const decoder = open(dir)
      return perplexity(decoder, windows, await weightsOf(decoder, weights), {
        signal,
        onProgress: (done, total) => emit({ type: 'progress', done, total }),
      })
    },

    async contribute(args, context) {
      return contribute(await structured(args.dir), args, context)
    },

    async structuredForms({ dir, from, to, ppm }) {
      const model = await structured(dir)
      const inRange = model.forms.slice(from, to).flatMap(({ structures }) => structures)
      if (inRange.every(({ units, places }) => unitsToRemove(units, places, ppm) === 0)) {
        const units = Math.max(0, ...inRange.map((structure) => structure.units))
        refuseNothing({ amount: { gone: ppm }, unit: 'head or channel', units })
      }
      model.assertCuttable(from, Math.min(to, model.forms.length))
      const units = model.forms.map(({ structures }) => structures.reduce((sum, each) => sum + each.units, 0))
      return { bytes: model.forms.map(structuredBytes), units }
    },

    async validate({ dir, method, block, path }) {
      const bytes = readFileSync(path)
      try {
        if (isStructuredMethod(method)) {
          const { decoder, forms } = await structured(dir)
          validateStructured(decoder.baseWeights(block), decodeStructured(forms[block], bytes))
        } else {
          const decoder = open(dir)
          const form = decoder.forms[block]
          const kind = payloadOf(method.pruner)
          const contribution = decodeContribution(form, kind, bytes)
          validateContribution(form, kind, method.pruner, method.target, decoder.baseWeights(block), contribution)
        }
        return null
      } catch (error) {
        if (error instanceof InvalidContributionError) return `${error.reason}: ${error.message}`
        throw error
      }
    },

    async merge({ method, ...args }) {
      return isStructuredMethod(method)
        ? mergeStructuredFiles(await structured(args.dir), method.target, args)
        : mergeFiles(open(args.dir), method, args)
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

    async leftBehind({ dir, apart }) {
      return companionsOf(open(dir), apart).left
    },

    async write({ out, check, uniform = false, done, ...model }) {
      return using(model, join(out, '.base'), async (decoder, weightsOf) => {
        writeModel(decoder, weightsOf, out, { apart: model.apart, done })
        if (uniform) rewriteHuggingFace(decoder, Decoder.open(out))
        const zeros = zerosOf(Decoder.open(out))
        return { run: await expectedRun(decoder, weightsOf, out, check), zeros }
      })
    },

    async compare({ written, scratch, ...model }) {
      return using(model, scratch, async (decoder, weightsOf) => compareWritten(decoder, weightsOf, written))
    },

    async structures({ dir, groupQueries }) {
      return describeStructures(open(dir), groupQueries)
    },

    async shrink(args, context) {
      return shrink(open(args.dir), args, context)
    },

    async instructions({ dir, path, length }) {
      await using tokenizer = await tokenizerOf(dir)
      // Awaited: the tokenizer is closed behind it.
      return await instructionRows(tokenizer, path, endOfText(dir), length)
    },

    async recover(args, context) {
      return recover(open(args.dir), args, context)
    },

    async unrecovered(args) {
      return unrecovered(open(args.dir), args)
    },

    async zeros({ dir }) {
      return zerosOf(open(dir))
    },
  }
}

function weightsOfFiles(decoder: Decoder, files: readonly BlockFile[]): WeightsOf {
  const byBlock = new Map(files.map((file) => [file.block, file]))
  return (block) => {
    const file = byBlock.get(block)
    if (file === undefined) return undefined
    const form = decoder.forms[block]
    if (file.kind === 'stored') return loadBlock(file.path, form)
    return applyMerged(form, decoder.baseWeights(block), readMerged(form, file.path))
  }
}

type MergeArgs = Omit<Jobs['merge']['args'], 'method'>
type MergeReport = Jobs['merge']['result']

function mergeFiles(
  decoder: Decoder,
  { pruner, target }: SparseMethod,
  { block, paths, out, previous }: MergeArgs,
): MergeReport {
  const form = decoder.forms[block]
  const contributions = readContributions(form, pruner, paths)
  const merged = mergeBlock(form, pruner, target, decoder.baseWeights(block), contributions)
  const bytes = encodeMergedBlock(form, merged)
  writeFileSync(out, bytes)
  const before = previous === null ? null : decodeMergedBlock(form, readFileSync(previous))
  const { moved, bits } = maskChange(form, before, merged)
  const zeros = merged.layers.reduce(
    (sum, { mask }, role) => sum + countZeros(mask, form.layers[role].rows * form.layers[role].cols),
    0,
  )
  return { root: blockRoot(bytes), moved, bits, zeros }
}

function mergeStructuredFiles(
  { forms }: StructuredModel,
  target: StructuredTarget,
  { block, paths, out, previous }: MergeArgs,
): MergeReport {
  const form = forms[block]
  const contributions = paths.map((path) => decodeStructured(form, readFileSync(path)))
  const merged = mergeStructured(form, target, block, contributions)
  const bytes = encodeStructuredBlock(form, merged)
  writeFileSync(out, bytes)
  const before = previous === null ? null : decodeStructuredBlock(form, readFileSync(previous))
  return { root: blockRoot(bytes), ...unitChange(form, before, merged) }
}

function readMerged(form: BlockForm, path: string): MergedBlock {
  return decodeMergedBlock(form, readFileSync(path))
}

function readContributions(form: BlockForm, pruner: PrunerName, paths: readonly string[]): BlockContribution[] {
  return paths.map((path) => decodeContribution(form, payloadOf(pruner), readFileSync(path)))
}
