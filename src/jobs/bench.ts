/** The bench of a worker: the models and sessions that stay open between its jobs, so that each is opened once. */
import { rmSync } from 'node:fs'
import type { WeightsOf } from '../form/block-weights.ts'
import { Decoder } from '../model/forward/decoder.ts'
import { embeddingRows } from '../model/graph/embedding-rows.ts'
import { TokenizerProcess } from '../model/text/tokenizer.ts'
import { tokenIds } from '../model/text/tokenizer-definition.ts'
import { tokenizerIn } from '../model/text/tokenizer-file.ts'
import { Solvers } from '../prune/run/solvers.ts'
import { StructuredModel } from '../structure/federated/structured-model.ts'
import { type BlockFile, weightsOfFiles } from './block-files.ts'

/** The settings that all workers of an engine share. */
export interface WorkerSettings {
  /** Threads of one operator in ONNX Runtime. */
  threads: number
  /**
   * Paths that are never copied to a written model, even if they lie in the base model's directory: texts and output.
   */
  apart: readonly string[]
}

/** A base model, and files with other weights for some of its blocks. */
export interface ModelFiles {
  dir: string
  weights: readonly BlockFile[]
}

export class Bench {
  readonly threads: number
  readonly apart: readonly string[]
  private readonly decoders = new Map<string, Decoder>()
  private readonly models = new Map<string, Promise<StructuredModel>>()
  private readonly tokenizers = new TokenizerProcess()
  private started: Promise<Solvers> | undefined
  private portable: Promise<Solvers> | undefined

  constructor({ threads, apart }: WorkerSettings) {
    this.threads = threads
    this.apart = apart
  }

  open(dir: string): Decoder {
    const decoder = this.decoders.get(dir) ?? Decoder.open(dir, { threads: this.threads })
    this.decoders.set(dir, decoder)
    return decoder
  }

  /** The model and its structures, for a federation that removes structures. */
  structured(dir: string): Promise<StructuredModel> {
    const model = this.models.get(dir) ?? StructuredModel.of(this.open(dir))
    this.models.set(dir, model)
    return model
  }

  tokenizer(dir: string): ReturnType<TokenizerProcess['open']> {
    return this.tokenizers.open(dir, embeddingRows(this.open(dir).index))
  }

  /** All ids of the model's tokenizer for which its embedding has a row, ascending. */
  tokenIds(dir: string): Int32Array {
    return tokenIds(tokenizerIn(dir), embeddingRows(this.open(dir).index))
  }

  solvers(): Promise<Solvers> {
    this.started ??= Solvers.create(this.threads)
    return this.started
  }

  /** Solvers for a merge: the same bits at every member. */
  portableSolvers(): Promise<Solvers> {
    this.portable ??= Solvers.create(this.threads, 'portable')
    return this.portable
  }

  /** The weights of blocks from such files, in the base's shapes. */
  async weightsOf({ dir, weights: files }: ModelFiles): Promise<WeightsOf> {
    if (!isStructured(files)) return weightsOfFiles(this.open(dir), files)
    const model = await this.structured(dir)
    return model.weightsOf(model.read(files))
  }

  /**
   * Works with the model that has the shapes of these weights: a smaller model, if structures were removed.
   * @param scratch - a directory for that smaller model; it is made here and removed afterwards
   */
  async using<T>(
    { dir, weights: files }: ModelFiles,
    scratch: string,
    work: (decoder: Decoder, weights: WeightsOf) => Promise<T>,
  ): Promise<T> {
    if (!isStructured(files)) return work(this.open(dir), weightsOfFiles(this.open(dir), files))
    const model = await this.structured(dir)
    const blocks = model.read(files)
    try {
      const smaller = model.cutTo(scratch, blocks, this.apart)
      const result = await work(smaller, model.smallerWeights(blocks))
      await smaller.close()
      return result
    } finally {
      rmSync(scratch, { recursive: true, force: true })
    }
  }
}

function isStructured(files: readonly BlockFile[]): boolean {
  return files.some(({ kind }) => kind === 'structured')
}
