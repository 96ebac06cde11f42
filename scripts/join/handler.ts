/** What `coppice join` does: fetches the offer, shows it, checks model and text against it, takes part. */
import { assertPlace } from '../../peers/directories.ts'
import { EngineWork } from '../../peers/engine-work.ts'
import { join as joinFederation } from '../../peers/peer.ts'
import { toHex } from '../../protocols/encoding.ts'
import type { Offer } from '../../protocols/offer.ts'
import { Engine } from '../../src/engine/engine.ts'
import { NetworkError, RefusedError, UsageError } from '../../src/errors.ts'
import { windowFor } from '../options/site.ts'
import type { Run } from '../program.ts'
import type { MemberReport } from '../report/federation.ts'
import { draining } from '../terminal/interruption.ts'
import {
  narrator,
  peerInit,
  placeOf,
  planText,
  readModel,
  type SiteModel,
  siteName,
  structuredOf,
} from '../work/site.ts'
import { SiteEnd } from '../work/site-end.ts'
import { SiteScratch } from '../work/site-scratch.ts'
import { siteText } from '../work/site-text.ts'
import type { JoinOptions } from './index.ts'

export async function join(options: JoinOptions, run: Run): Promise<MemberReport> {
  await assertPlace(placeOf(options)) // before models are read
  await using engine = new Engine()
  await using scratch = await SiteScratch.open(placeOf(options))
  const work = { ...run, engine }
  const model = await readModel(work, options.model)
  const { dir, description } = model
  const end = new SiteEnd({ work, model, options, scratch: scratch.path })
  const narrate = narrator(run.terminal)
  try {
    const joined = joinFederation({
      ...peerInit(options, run, (event) => {
        narrate(event)
        end.hear(event)
      }),
      invitation: options.invitation,
      async prepare({ offer }) {
        assertFits(options, offer, model)
        const { method, windows, window, sample } = offer
        const structured = await structuredOf(work, dir, method)
        const text = await siteText(work, options, { windows, window, longest: description.maxWindow })
        end.brings(text)
        run.terminal.say(planText(offer, options.capacity))
        return {
          site: siteName(),
          capacity: options.capacity ?? sample,
          work: new EngineWork({
            engine,
            model: dir,
            description,
            method,
            structured,
            windows: text.calibration,
            scratch: scratch.path,
            modelHash: scratch.outlasts ? model.hash : null,
            onDrain: () => run.terminal.note(draining(structured === null ? 'block' : 'step')),
          }),
        }
      },
    })
    const report = await end.after(joined)
    scratch.done()
    return report
  } catch (error) {
    // Only the offer could have said that no text is needed.
    if (error instanceof NetworkError && options.texts.length === 0) throw textMissing(error)
    throw error
  }
}

/**
 * Before anything is sent.
 * @throws {RefusedError} REFUSED_MODEL: this site has another model
 * @throws {UsageError} the plan needs a text, or a window that the model does not take
 */
function assertFits({ texts, model: dir }: JoinOptions, { model, method, window }: Offer, own: SiteModel): void {
  const [wanted, found] = [toHex(model.hash), toHex(own.hash)]
  if (wanted !== found) {
    throw new RefusedError({
      code: 'REFUSED_MODEL',
      what: `${dir} is not the model of the plan: hash ${found.slice(0, 8)}, the plan names ${wanted.slice(0, 8)}`,
      hint: `Give --model the very files of ${model.name} that the founder has; its hash is ${wanted}.`,
    })
  }
  if (texts.length === 0 && method.pruner !== 'magnitude') throw textMissing()
  windowFor(window, own.description.maxWindow)
}

function textMissing(cause?: unknown): UsageError {
  return new UsageError({
    code: 'USAGE_MISSING',
    what: '--text is missing, coppice join needs it unless the plan prunes by magnitude',
    hint: 'Give --text one or more .txt or .jsonl files.',
    cause,
  })
}
