/** The forecast of `coppice shrink`. */
import type { Run } from '../../command.ts'
import { forecast, PASSING } from '../../forecast/forecast.ts'
import { measuredInWords } from '../../forecast/in-words.ts'
import { trainingBytes } from '../../forecast/need.ts'
import type { ForecastReport } from '../../forecast/report.ts'
import { counted } from '../../terminal/numbers.ts'
import type { ShrinkOptions } from './options.ts'
import { expectedWork, prepare } from './preparation.ts'

export function forecastShrink(options: ShrinkOptions, run: Run): Promise<ForecastReport> {
  const { given, model: dir, out, recovery } = options
  return forecast(options, run, async (work) => {
    const prepared = await prepare(work, options)
    const { description, texts, window, windows } = prepared
    return {
      words: [
        `Parts of ${dir} (${given.granularity}) would be removed, by ${counted(windows.count, 'window')} of ${window} tokens.`,
        ...(recovery === null ? [] : [`The smaller model would be trained for ${counted(recovery.steps, 'step')}.`]),
        ...measuredInWords(texts),
        `The result would be in ${out}.`,
      ],
      dir,
      description,
      ...PASSING,
      rests: true,
      windows,
      work: (size) => expectedWork(size, options, prepared),
      moreMemory: ({ tokens }) => trainingBytes(description, { tokens: window, measured: tokens }),
      disk: { most: 2 * description.bytes, kept: description.bytes },
      sentBytes: 0,
    }
  })
}
