/** The work of a site of a federation. It is made when the federation's directory exists, and read at the end. */
import { EngineWork, type EngineWorkInit } from '../../../peers/work/engine-work.ts'
import { mergingOf, type Offer } from '../../../protocols/plan/offer.ts'
import { draining } from '../../terminal/interruption.ts'
import type { Terminal } from '../../terminal/terminal.ts'
import type { BaseModel } from '../base-model.ts'
import { SiteScratch } from './site-scratch.ts'

interface SiteWorkInit extends Pick<EngineWorkInit, 'engine' | 'structured' | 'windows'> {
  model: BaseModel
  terminal: Terminal
  /** The part of the offer that decides what is computed. */
  offer: Pick<Offer, 'method' | 'rounds' | 'merge' | 'masked' | 'members'>
}

interface Made {
  work: EngineWork
  scratch: string
}

export class SiteWork implements AsyncDisposable {
  private readonly place = new SiteScratch()
  private made: Made | null = null

  /** The function for PeerInit that makes the work in the directory of the federation. */
  maker({ model, terminal, offer, ...init }: SiteWorkInit): (directory: string) => Promise<EngineWork> {
    const { dir, description, hash: modelHash } = model
    const { structured, windows } = init
    const { method, rounds } = offer
    const plan = { method, rounds, merging: mergingOf(offer) }
    return async (directory) => {
      const scratch = await this.place.in(directory, { modelHash, method, windows })
      const onDrain = () => terminal.note(draining(structured === null ? 'block' : 'step'))
      const work = new EngineWork({ ...init, ...plan, model: dir, description, modelHash, scratch, onDrain })
      this.made = { work, scratch }
      return work
    }
  }

  /** The work and its scratch directory, after the federation was founded. */
  get founded(): Made {
    if (this.made === null) throw new Error('a site took part without work of its own')
    return this.made
  }

  /** Called after the last round: its checkpoints are not needed any more. */
  done(): void {
    this.place.done()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.place[Symbol.asyncDispose]()
  }
}
