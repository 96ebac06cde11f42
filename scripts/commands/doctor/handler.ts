/** The work of `coppice doctor`: one check after the other; a refusal is a finding. */
import { keptByOffer } from '../../../peers/kept/find.ts'
import { systemClock } from '../../../peers/round/clock.ts'
import { asModelName, type Offer } from '../../../protocols/plan/offer.ts'
import { CoppiceError, EXIT } from '../../../src/base/errors.ts'
import { openEngine } from '../../../src/jobs/open-engine.ts'
import { filesSource } from '../../../src/model/text/text.ts'
import type { Run } from '../../command.ts'
import { type BaseModel, readModel } from '../../common/base-model.ts'
import type { EngineRun } from '../../common/engine.ts'
import { keptOut } from '../../common/site/kept-out.ts'
import { tokenise } from '../../common/texts.ts'
import { measured } from '../../forecast/forecast.ts'
import type { ForecastReport } from '../../forecast/report.ts'
import { plannedSite } from '../../forecast/site.ts'
import { withModel } from '../../hub/given.ts'
import { planFor, planOptions } from '../../options/plan.ts'
import { windowFor } from '../../options/site.ts'
import { counted, grouped } from '../../terminal/numbers.ts'
import { DEFAULT_PEERS } from '../simulate/options.ts'
import { checked, type DoctorReport, type Finding, findingsInWords, fine, problem, warning } from './finding.ts'
import { clockCheck, dataCheck, diskCheck, memoryCheck, nodeCheck } from './machine.ts'
import { invitationCheck, listenCheck, membersCheck, sameModelCheck } from './network.ts'
import type { DoctorOptions } from './options.ts'

export async function doctor(options: DoctorOptions, run: Run): Promise<DoctorReport> {
  const { data, invitation } = options
  await using engine = openEngine({ meter: run.meter.jobs })
  const work: EngineRun = { ...run, engine }
  let offer: Offer | null = null
  let base: BaseModel | null = null
  const checks: Finding[] = [nodeCheck(), clockCheck(systemClock.date())]
  checks.push(...(await checked('Data directory', () => dataCheck(data))))
  if (invitation !== null) {
    run.terminal.progress('Dialling the others')
    const kept = await keptByOffer(data, invitation.offer)
    offer = kept?.signed.plan.offer ?? null
    checks.push(
      ...(await checked('Invitation', async () => {
        if (kept !== null) return membersCheck(kept, options, run.signal)
        const invited = await invitationCheck(invitation, options, run.signal)
        offer = invited.offer
        return invited.findings
      })),
    )
  }
  checks.push(
    ...(await checked('Model', async () => {
      const { model: dir } = await withModel(options, run)
      base = await readModel(work, dir)
      return modelFindings(base, offer)
    })),
  )
  checks.push(...(await needFindings(work, options, base, offer)))
  if (base !== null) checks.push(...(await checked('Text', () => textCheck(work, options, base as BaseModel, offer))))
  checks.push(...(await checked('Port', () => listenCheck(options))))
  const report = { ok: checks.every(({ state }) => state !== 'problem'), checks }
  run.terminal.say(findingsInWords(report))
  if (!report.ok) run.ends?.(EXIT.input)
  return report
}

function modelFindings({ description, dir, hash }: BaseModel, offer: Offer | null): Finding[] {
  const { blocks, parameters } = description
  const runs = fine('Model', `${dir} runs: ${grouped(parameters)} parameters, ${counted(blocks, 'block')}`)
  return offer === null ? [runs] : [runs, sameModelCheck(offer, hash, dir)]
}

async function needFindings(
  work: EngineRun,
  options: DoctorOptions,
  base: BaseModel | null,
  offer: Offer | null,
): Promise<Finding[]> {
  const need = base === null ? null : await forecastOf(work, options, base, offer)
  const { most, kept } = need?.disk ?? { most: null, kept: null }
  return [
    await memoryCheck(need?.peakMemoryBytes ?? null),
    await diskCheck('results', process.cwd(), kept),
    await diskCheck('data', options.data, most === null ? null : most - kept),
  ]
}

/** The forecast of the plan, or of a founding by default; null: this site cannot take part as it is. */
async function forecastOf(
  work: EngineRun,
  options: DoctorOptions,
  model: BaseModel,
  offer: Offer | null,
): Promise<ForecastReport['forecast'] | null> {
  const { description, hash } = model
  const { name, parameters, blocks } = description
  try {
    const { count: windows, length: window } = wanted(options, model, offer)
    const named = { name: asModelName(name), hash, parameters, blocks }
    const plan = planFor(planOptions({}, DEFAULT_PEERS), blocks)
    const terms = offer ?? { ...plan, model: named, windows, window, members: DEFAULT_PEERS }
    const planned = await plannedSite(
      work,
      { ...options, model: model.dir, evaluation: null },
      { model, terms, capacity: null },
    )
    return (await measured(work, planned)).forecast
  } catch (error) {
    if (error instanceof CoppiceError) return null // the check of the text says why
    throw error
  }
}

/** The windows of the plan, or else of the options, as the model takes them. */
function wanted({ windows, window }: DoctorOptions, base: BaseModel, offer: Offer | null) {
  const count = offer?.windows ?? windows
  const { fixedWindow, maxWindow = Number.POSITIVE_INFINITY } = base.description
  const length =
    offer?.window ??
    fixedWindow ??
    windowFor(window === undefined ? undefined : Math.min(window, maxWindow), base.description)
  return { count, length }
}

async function textCheck(
  work: EngineRun,
  options: DoctorOptions,
  base: BaseModel,
  offer: Offer | null,
): Promise<Finding> {
  const { texts, separator } = options
  if (texts.length === 0)
    return warning('Text', 'none was given', 'Give --text the files that this site would calibrate on.')
  const { count, length } = wanted(options, base, offer)
  const needed = count + keptOut(count)
  const source = filesSource(texts)
  const text = await tokenise(work, { dir: base.dir, source, separator, window: length, wanted: needed * length })
  const found = `${counted(text.windows.count, 'window')} of ${length}`
  if (text.windows.count >= needed)
    return fine(
      'Text',
      `${source.name} has at least ${found}: ${count} to calibrate on, ${needed - count} to measure on`,
    )
  if (text.windows.count >= count)
    return warning(
      'Text',
      `${source.name} has ${found}: enough to calibrate on, and none is left to measure on`,
      'Give --eval another text, or --no-eval, or fewer --windows.',
    )
  return problem(
    'Text',
    `${source.name} has ${found}, ${count} are needed to calibrate on`,
    'Give a longer text, or more files; or found with fewer --windows, or a shorter --window.',
  )
}
