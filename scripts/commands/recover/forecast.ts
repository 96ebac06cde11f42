/** The forecast of `coppice recover`. */
import type { Run } from '../../command.ts'
import { forecast, PASSING } from '../../forecast/forecast.ts'
import { measuredInWords } from '../../forecast/in-words.ts'
import { trainingBytes } from '../../forecast/need.ts'
import type { ForecastReport } from '../../forecast/report.ts'
import { counted } from '../../terminal/numbers.ts'
import type { RecoverOptions } from './options.ts'
import { expectedWork, prepare } from './preparation.ts'

export function forecastRecover(options: RecoverOptions, run: Run): Promise<ForecastReport> {
  const { model: dir, out, recovery } = options
  const { batch, steps } = recovery
  return forecast(options, run, async (work) => {
    const prepared = await prepare(work, options)
    const { description, length, text, texts } = prepared
    return {
      words: [
        `Adapters of ${dir} would be trained for ${counted(steps, 'step')} of ${counted(batch, 'row')} of ${length} tokens of ${text.name}.`,
        ...measuredInWords(texts),
        `The result would be in ${out}.`,
      ],
      dir,
      description,
      ...PASSING,
      rests: true,
      windows: text.rows,
      work: (size) => expectedWork(size, options, prepared),
      moreMemory: ({ tokens }) => trainingBytes(description, { tokens: batch * length, measured: tokens }),
      disk: { most: 2 * description.bytes, kept: description.bytes },
      sentBytes: 0,
    }
  })
}
