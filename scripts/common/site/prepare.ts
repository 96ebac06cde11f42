/** A site gets ready for the plan of an offer: it reads its texts, and makes the work that its peer will ask for. */
import type { Offer } from '../../../protocols/plan/offer.ts'
import type { Windows } from '../../../src/form/windows.ts'
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

/** The calibration windows, and the function for PeerInit that makes the work. */
interface Prepared {
  calibration: Windows
  maker: ReturnType<SiteWork['maker']>
}

/** @throws {InputError} TEXT_SHORT @throws {UsageError} WINDOW_LONG, WINDOW_FIXED */
export async function prepare(
  { work, model, own, end }: Preparing,
  options: SiteTextOptions,
  offer: Offer,
): Promise<Prepared> {
  const { windows } = offer
  const window = windowFor(offer.window, model.description)
  const structured = await structuredOf(work, model.dir, offer.method)
  const text = await siteText(work, options, { windows, window, limits: model.description })
  const { calibration } = text
  end.brings(text)
  const { engine, terminal } = work
  return { calibration, maker: own.maker({ engine, model, terminal, offer, structured, windows: calibration }) }
}
