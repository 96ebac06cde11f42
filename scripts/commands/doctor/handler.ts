/** The work of `coppice doctor`: one check after the other; a refusal is a finding. */
import { systemClock } from '../../../peers/round/clock.ts'
import type { Offer } from '../../../protocols/plan/offer.ts'
import { openEngine } from '../../../src/jobs/open-engine.ts'
import { filesSource } from '../../../src/model/text/text.ts'
import type { Run } from '../../command.ts'
import { type BaseModel, readModel } from '../../common/base-model.ts'
import type { EngineRun } from '../../common/engine.ts'
import { keptOut } from '../../common/site/kept-out.ts'
import { tokenise } from '../../common/texts.ts'
import { withModel } from '../../hub/given.ts'
import { windowFor } from '../../options/site.ts'
import { counted, grouped } from '../../terminal/numbers.ts'
import { checked, type DoctorReport, type Finding, findingsInWords, fine, problem, warning } from './finding.ts'
import { clockCheck, dataCheck, diskCheck, memoryCheck, nodeCheck } from './machine.ts'
import { needOf } from './need.ts'
import { invitationCheck, listenCheck, sameModelCheck } from './network.ts'
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
    run.terminal.progress('Asking the founder')
    checks.push(
      ...(await checked('Invitation', async () => {
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
  checks.push(...(await needFindings(options, base, offer)))
  if (base !== null) checks.push(...(await checked('Text', () => textCheck(work, options, base as BaseModel, offer))))
  checks.push(...(await checked('Port', () => listenCheck(options))))
  const report = { ok: checks.every(({ state }) => state !== 'problem'), checks }
  run.terminal.say(findingsInWords(report))
  return report
}

function modelFindings({ description, dir, hash }: BaseModel, offer: Offer | null): Finding[] {
  const { blocks, parameters } = description
  const runs = fine('Model', `${dir} runs: ${grouped(parameters)} parameters, ${counted(blocks, 'block')}`)
  return offer === null ? [runs] : [runs, sameModelCheck(offer, hash, dir)]
}

async function needFindings(options: DoctorOptions, base: BaseModel | null, offer: Offer | null): Promise<Finding[]> {
  const windows = wanted(options, base, offer)
  const need = base === null || windows === null ? null : needOf(base.description, windows)
  return [
    await memoryCheck(need?.memory ?? null),
    await diskCheck('results', process.cwd(), need?.disk ?? null),
    await diskCheck('data', options.data, need?.disk ?? null),
  ]
}

/** The windows of the plan, or else of the options; null: the model takes none of these. */
function wanted({ windows, window }: DoctorOptions, base: BaseModel | null, offer: Offer | null) {
  if (base === null) return null
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
  const { texts, separator, model } = options
  if (texts.length === 0)
    return warning('Text', 'none was given', 'Give --text the files that this site would calibrate on.')
  const windows = wanted(options, base, offer)
  if (windows === null) return warning('Text', 'it was not read', 'Give a model that runs.')
  const { count, length } = windows
  const needed = count + keptOut(count)
  const source = filesSource(texts)
  const text = await tokenise(work, { dir: model, source, separator, window: length, wanted: needed * length })
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
