/**
 * The training of adapters at one site of a federation: on the smaller model that a merge leaves of the base, from the
 * merged adapters on.
 */
import { rmSync } from 'node:fs'
import type { Windows } from '../../form/windows.ts'
import { RANK } from '../../merge/structures/adapter.ts'
import { gathered, type LeftPlaces, type StructuredBlock, scattered } from '../../merge/structures/structured-block.ts'
import { type PackedAdapter, packed, unpacked } from '../../merge/structures/structured-contribution.ts'
import type { Decoder } from '../../model/forward/decoder.ts'
import { cutWindows } from '../../model/text/text.ts'
import { Adaptation } from '../../recover/adaptation.ts'
import { Adapters } from '../../recover/adapters.ts'
import { keepOut } from '../../recover/rows.ts'
import { startState, type TrainSettings, type TrainState, train } from '../../recover/train.ts'
import type { StructuredModel } from '../../structure/federated/structured-model.ts'
import { startingAdapters } from './training.ts'

const ROW = 128

export class AdapterTraining {
  /** Before the first step. It may be replaced by a later state of the same training. */
  readonly state: TrainState
  private readonly model: StructuredModel
  private readonly settings: TrainSettings
  private readonly directory: string
  private readonly smaller: Decoder
  private readonly left: LeftPlaces[][]

  /**
   * @param merged - by block; a block that is missing is the base's
   * @param directory - where the smaller model lies until `close`
   */
  constructor(
    model: StructuredModel,
    merged: ReadonlyMap<number, StructuredBlock>,
    settings: TrainSettings,
    directory: string,
  ) {
    this.model = model
    this.settings = settings
    this.directory = directory
    this.left = model.leftPlaces(merged)
    this.smaller = model.cutTo(directory, merged)
    this.state = startState(this.smaller, settings)
    this.begin(merged)
  }

  /** Trains to the last step, or until nothing gets better. @throws {InputError} TEXT_SHORT, OPERATOR_NO_GRADIENT */
  async run(windows: Windows, { signal, onStep }: { signal?: AbortSignal; onStep(): void | Promise<void> }) {
    const { settings, smaller, state } = this
    const all = cutWindows(windows.ids, Math.min(ROW, windows.length))
    // A single row shows at least whether training does anything.
    const { rows, held } = all.count > 1 ? keepOut(all, 'the calibration text') : { rows: all, held: all }
    await train(smaller, new Adaptation(smaller, settings), state, { settings, rows, held, signal, onStep })
  }

  /**
   * One entry a block: adapters in the base's shapes, in fp16.
   * @param values - an array of the state
   */
  adapters(values: Float32Array<ArrayBuffer>): PackedAdapter[][] {
    const own = new Adapters(this.smaller.forms, RANK, values)
    return this.model.forms.map(({ layers }, block) =>
      layers.map((layer, role) => packed(scattered(own.of(block, role), this.left[block][role], layer))),
    )
  }

  async close(): Promise<void> {
    await this.smaller.close()
    rmSync(this.directory, { recursive: true, force: true })
  }

  private begin(merged: ReadonlyMap<number, StructuredBlock>): void {
    const { left, model, smaller, state } = this
    const fresh = startingAdapters(model.decoder)
    const own = new Adapters(smaller.forms, RANK, state.values)
    for (const [block, { layers }] of model.forms.entries()) {
      for (const role of layers.keys()) {
        const known = merged.get(block)?.adapters?.[role]
        const { a, b } = gathered(known === undefined ? fresh.of(block, role) : unpacked(known), left[block][role])
        own.of(block, role).a.set(a)
        own.of(block, role).b.set(b)
      }
    }
    state.best.set(state.values)
  }
}
