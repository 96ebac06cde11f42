/** A base model in a federation that removes structures: its forms, and the models that merged blocks make of it. */
import { readFileSync, rmSync } from 'node:fs'
import type { LayerForm } from '../../form/block-form.ts'
import type { WeightsOf } from '../../form/block-weights.ts'
import type { StructuredForm } from '../../form/structured-form.ts'
import {
  applyStructured,
  cutLayer,
  decodeStructuredBlock,
  type LeftPlaces,
  leftPlaces,
  type StructuredBlock,
} from '../../merge/structures/structured-block.ts'
import { Decoder } from '../../model/forward/decoder.ts'
import { assertUnlocked } from '../choose/choose-removal.ts'
import { sliceStructures } from '../cut/slice.ts'
import { removals, structuredForms } from '../cut/structured-forms.ts'
import { type FollowedBlock, followBlocks } from '../find/follow-blocks.ts'
import type { RemovedUnits } from '../find/removal.ts'
import { writeSliced } from '../write/write.ts'

/** Merged blocks by number; a block that is missing is the base's. */
type StructuredBlocks = ReadonlyMap<number, StructuredBlock>

export class StructuredModel {
  readonly decoder: Decoder
  readonly followed: readonly FollowedBlock[]
  /** One form a block. */
  readonly forms: readonly StructuredForm[]

  private constructor(decoder: Decoder, followed: readonly FollowedBlock[]) {
    this.decoder = decoder
    this.followed = followed
    this.forms = structuredForms(decoder, followed)
  }

  static async of(decoder: Decoder): Promise<StructuredModel> {
    return new StructuredModel(decoder, await followBlocks(decoder))
  }

  /**
   * Reads files of encoded StructuredBlocks. @throws {InvalidMergedBlockError} the bytes are not a block of this form
   */
  read(files: readonly { block: number; path: string }[]): StructuredBlocks {
    return new Map(
      files.map(({ block, path }) => [block, decodeStructuredBlock(this.forms[block], readFileSync(path))]),
    )
  }

  /** The weights of merged blocks in the base's shapes, with zeros at removed places. */
  weightsOf(blocks: StructuredBlocks): WeightsOf {
    return (block) => {
      const own = blocks.get(block)
      return own && applyStructured(this.forms[block], this.decoder.baseWeights(block), own)
    }
  }

  /** One array a block, with one entry a layer in order of role: the rows and columns that are kept. */
  leftPlaces(blocks: StructuredBlocks): LeftPlaces[][] {
    return this.forms.map((form, block) => {
      const own = blocks.get(block)
      const whole = ({ rows, cols }: LayerForm) => ({ rows: upTo(rows), cols: upTo(cols) })
      return own === undefined ? form.layers.map(whole) : leftPlaces(form, own)
    })
  }

  /** Writes the base with the removed places cut out, its weights otherwise unchanged, and opens the written model. */
  cutTo(dir: string, blocks: StructuredBlocks, apart: readonly string[] = []): Decoder {
    rmSync(dir, { recursive: true, force: true })
    const gone = removals(this.followed, this.forms, blocks)
    writeSliced(this.decoder, this.sliced(gone.map(({ removed }) => removed)), gone, dir, { apart })
    return Decoder.open(dir, { threads: this.decoder.threads })
  }

  /** The weights of the smaller model: the kept rows and columns of the weights that `weightsOf` gives. */
  smallerWeights(blocks: StructuredBlocks): WeightsOf {
    const left = this.leftPlaces(blocks)
    const weightsOf = this.weightsOf(blocks)
    return (block) =>
      weightsOf(block)?.map((weight, role) => cutLayer(weight, left[block][role], this.forms[block].layers[role].cols))
  }

  /**
   * Checks that a smaller model of any of these blocks can be written, before anybody computes for it.
   * @throws {InputError} STRUCTURE_LOCKED, SLICE_UNKNOWN
   */
  assertCuttable(from: number, to: number): void {
    const first = this.followed.map(({ structures }, block): RemovedUnits[] =>
      block < from || block >= to ? [] : structures.map((structure) => ({ structure, units: [0] })),
    )
    for (let block = from; block < to; block++) assertUnlocked(this.followed[block].structures, block)
    this.sliced(first)
  }

  private sliced(removed: readonly RemovedUnits[][]) {
    return sliceStructures(this.decoder, this.followed, removed)
  }
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, place) => place)
}
