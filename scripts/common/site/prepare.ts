/** A site gets ready for the plan of an offer: it reads its texts, and makes the work that its peer will ask for. */
import type { Offer } from '../../../protocols/plan/offer.ts'
import { windowFor } from '../../options/site.ts'
import { type BaseModel, structuredOf } from '../base-model.ts'
import type { EngineRun } from '../engine.ts'
import type { SiteEnd } from './site-end.ts'
import { type SiteTextOptions, siteText } from './site-text.ts'
import type { SiteWork } from './site-work.ts'

interface Preparing {
  work: EngineRun
  model: BaseModel
  own: SiteWork
  /** It measures at the end, on a part of the text. */
  end: SiteEnd
}

/** @throws {InputError} TEXT_SHORT @throws {UsageError} WINDOW_LONG, WINDOW_FIXED */
export async function prepare(
  { work, model, own, end }: Preparing,
  options: SiteTextOptions,
  offer: Offer,
): Promise<ReturnType<SiteWork['maker']>> {
  const { windows } = offer
  const window = windowFor(offer.window, model.description)
  const structured = await structuredOf(work, model.dir, offer.method)
  const text = await siteText(work, options, { windows, window, limits: model.description })
  end.brings(text)
  return own.maker({
    engine: work.engine,
    model,
    terminal: work.terminal,
    offer,
    structured,
    windows: text.calibration,
  })
}
