/** The forecast of `coppice prune`. */
import { PRUNER_NAMES, shareOfZeros } from '../../../protocols/plan/method-words.ts'
import { textName } from '../../../src/model/text/refusals.ts'
import type { Run } from '../../command.ts'
import { forecast } from '../../forecast/forecast.ts'
import { measuredInWords } from '../../forecast/in-words.ts'
import { storedBlocksBytes, streamBytes } from '../../forecast/need.ts'
import type { ForecastReport } from '../../forecast/report.ts'
import { counted } from '../../terminal/numbers.ts'
import type { PruneOptions } from './options.ts'
import { expectedWork, prepare } from './preparation.ts'

export function forecastPrune(options: PruneOptions, run: Run): Promise<ForecastReport> {
  const { model: dir, pruner, target } = options
  return forecast(options, run, async (work) => {
    const { calibration, description, texts } = await prepare(work, options)
    const blocks = description.forms.map((_, block) => block)
    const job = { pruner, as: 'stored', blocks, windows: calibration } as const
    const all = [...(calibration === undefined ? [] : [calibration]), ...texts.map(({ windows }) => windows)]
    const stream = streamBytes(description, all)
    return {
      words: sentences(options, { blocks: blocks.length, calibration, texts }),
      dir,
      description,
      ...{ pruner, target, rests: true },
      windows: calibration ?? texts[0]?.windows,
      work: (model) => expectedWork(model, job, texts, texts),
      moreMemory: (measured) => stream - streamBytes(description, [{ count: 1, length: measured.tokens }]),
      disk: {
        most:
          description.bytes +
          storedBlocksBytes(description) +
          streamBytes(description, calibration ? [calibration] : []),
        kept: description.bytes,
      },
      sentBytes: 0,
    }
  })
}

interface Read extends Pick<Awaited<ReturnType<typeof prepare>>, 'calibration' | 'texts'> {
  blocks: number
}

function sentences(
  { model, out, pruner, target, texts: files }: PruneOptions,
  { blocks, calibration, texts }: Read,
): string[] {
  const on =
    calibration &&
    ` on ${counted(calibration.count, 'window')} of ${calibration.length} of ${files.map(textName).join(', ')}`
  return [
    `${PRUNER_NAMES[pruner]} would make ${shareOfZeros(target)} zero in ${counted(blocks, 'block')} of ${model}${on ?? ''}.`,
    ...measuredInWords(texts),
    `The result would be in ${out}.`,
  ]
}
