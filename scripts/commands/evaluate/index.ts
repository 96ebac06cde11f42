/** `coppice evaluate`: measures the perplexity of a model on texts. */
import type { Command } from 'commander'
import type { Windows } from '../../../src/form/windows.ts'
import { openEngine } from '../../../src/jobs/open-engine.ts'
import { escaped } from '../../../src/model/text/refusals.ts'
import { fileSource } from '../../../src/model/text/text.ts'
import type { Run, Start } from '../../command.ts'
import { describe, labelled } from '../../common/engine.ts'
import { evaluatedWindows, tokenise } from '../../common/texts.ts'
import { withModel } from '../../hub/given.ts'
import { DEFAULT_EVAL_TOKENS, evalTokensOption } from '../../options/evaluation.ts'
import { addJsonOption } from '../../options/output.ts'
import {
  addModelOption,
  addTextOptions,
  type ModelOptions,
  modelOptions,
  type RawSite,
  textOptions,
  windowFor,
  windowOption,
} from '../../options/site.ts'
import { refuseMissing } from '../../options/values.ts'
import { evaluation } from '../../progress/job-cost.ts'
import { table } from '../../report/table.ts'
import { addHelp } from '../../terminal/help.ts'
import { grouped, perplexityText } from '../../terminal/numbers.ts'

interface EvaluateOptions extends ModelOptions {
  /** One or more paths. */
  texts: string[]
  separator: string | undefined
  window: number | undefined
  /** The most tokens of each text. */
  tokens: number
}

export interface EvaluateReport {
  model: string
  /** `tokens` counts predictions: windows * (window - 1). */
  texts: Array<{ file: string; perplexity: number; tokens: number; windows: number; window: number }>
}

interface RawEvaluate extends RawSite {
  evalTokens?: number
  json?: boolean
}

export function defineEvaluate(program: Command, start: Start): void {
  const command = program
    .command('evaluate')
    .summary('perplexity of a model')
    .description('Measures perplexity of a model on each of some texts.')
  addModelOption(command, 'directory of the model (required)')
  addJsonOption(addTextOptions(command).addOption(windowOption()).addOption(evalTokensOption()))
  addHelp(command, ['coppice evaluate --model pruned --text test.txt --window 256'], ['input', 'network', 'output'])
  command.action((raw: RawEvaluate) => {
    const options = evaluateOptions(raw)
    return start(raw.json === true, async (run) => evaluate(await withModel(options, run), run))
  })
}

export function evaluateOptions(raw: RawEvaluate): EvaluateOptions {
  if (raw.model === undefined) refuseMissing('--model', 'evaluate', 'Give --model the directory of a model.')
  const { texts, separator } = textOptions(raw, 'evaluate', true)
  return {
    ...modelOptions(raw),
    texts,
    separator,
    window: raw.window,
    tokens: raw.evalTokens ?? DEFAULT_EVAL_TOKENS,
  }
}

async function evaluate({ model, texts, separator, ...options }: EvaluateOptions, run: Run): Promise<EvaluateReport> {
  await using engine = openEngine({ meter: run.meter.jobs })
  const work = { ...run, engine }
  const window = windowFor(options.window, await describe(work, model))
  const report: EvaluateReport = { model, texts: [] }
  const chosen: { file: string; windows: Windows }[] = []
  for (const file of texts) {
    const wanted = Math.max(options.tokens, window)
    const text = await tokenise(work, { dir: model, source: fileSource(file), separator, window, wanted })
    chosen.push({ file, windows: evaluatedWindows(text, options.tokens) })
  }
  run.meter.expect((model) => chosen.map(({ windows }) => evaluation(model, windows)))
  for (const { file, windows } of chosen) {
    const { perplexity, tokens } = await labelled(work, `Evaluating ${escaped(file)}`, 'evaluate', {
      dir: model,
      windows,
      weights: [],
    })
    report.texts.push({ file, perplexity, tokens, windows: windows.count, window })
  }
  const rows = report.texts.map((text) => [escaped(text.file), perplexityText(text.perplexity), grouped(text.tokens)])
  run.terminal.say(table([['text', `perplexity, windows of ${window}`, 'tokens'], ...rows]))
  return report
}
