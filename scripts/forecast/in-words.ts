/** A forecast for people. */
import { bytes, duration, timeLeft } from '../terminal/numbers.ts'
import type { ForecastReport } from './report.ts'

export function forecastInWords(words: readonly string[], { forecast, measuredSeconds }: ForecastReport): string {
  const { disk, peakMemoryBytes, seconds, sentBytes } = forecast
  return [
    ...words,
    `Time    about ${timeLeft(seconds)} on this machine, as busy as it is now`,
    `Memory  about ${bytes(peakMemoryBytes)}`,
    `Disk    about ${bytes(disk.most)} while it works, ${bytes(disk.kept)} when it is done`,
    `Sent    ${sentBytes === 0 ? 'nothing' : `about ${bytes(sentBytes)}`}`,
    `Dry run: this machine was measured for ${duration(measuredSeconds)}. Nothing was written, founded or joined.`,
  ].join('\n')
}

/** The sentence about texts of --eval in a command that changes a model; none if there are none. */
export function measuredInWords(texts: readonly { name: string }[]): string[] {
  const names = texts.map(({ name }) => name).join(', ')
  return names === '' ? [] : [`Perplexity would be measured on ${names}, before and after.`]
}
