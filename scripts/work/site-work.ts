/** What a site of a federation computes with: made once the federation's directory is there, and asked of it at the end. */
import { EngineWork, type EngineWorkInit } from '../../peers/engine-work.ts'
import { draining } from '../terminal/interruption.ts'
import type { Terminal } from '../terminal/terminal.ts'
import type { SiteModel } from './site.ts'
import { SiteScratch } from './site-scratch.ts'

export interface SiteWorkInit extends Pick<EngineWorkInit, 'engine' | 'method' | 'structured' | 'windows'> {
  model: SiteModel
  terminal: Terminal
}

export class SiteWork implements AsyncDisposable {
  private readonly scratch = new SiteScratch()
  private own: EngineWork | null = null

  /** For PeerInit: makes the work in the directory of the federation. */
  maker({ model, terminal, ...init }: SiteWorkInit): (directory: string) => Promise<EngineWork> {
    const { dir, description, hash: modelHash } = model
    const { method, structured, windows } = init
    return async (directory) => {
      this.own = new EngineWork({
        ...init,
        model: dir,
        description,
        modelHash,
        scratch: await this.scratch.in(directory, { modelHash, method, windows }),
        onDrain: () => terminal.note(draining(structured === null ? 'block' : 'step')),
      })
      return this.own
    }
  }

  /** The last round is over: its checkpoints are of no use any more. */
  done(): EngineWork {
    if (this.own === null) throw new Error('a site took part without work of its own')
    this.scratch.done()
    return this.own
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.scratch[Symbol.asyncDispose]()
  }
}
