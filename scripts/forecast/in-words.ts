/** A forecast for people. */
import { bytes, duration, timeLeft } from '../terminal/numbers.ts'
import type { ForecastReport } from './forecast.ts'

export function forecastInWords(words: readonly string[], { forecast, measuredSeconds }: ForecastReport): string {
  const { disk, peakMemoryBytes, seconds, sentBytes } = forecast
  return [
    ...words,
    `Time    about ${timeLeft(seconds)} on this machine, as busy as it is now`,
    `Memory  about ${bytes(peakMemoryBytes)}`,
    `Disk    about ${bytes(disk.most)} while it works, ${bytes(disk.kept)} when it is done`,
    `Sent    ${sentBytes === 0 ? 'nothing' : `about ${bytes(sentBytes)}`}`,
    `This was a dry run: it measured for ${duration(measuredSeconds)}, wrote nothing and told nobody.`,
  ].join('\n')
}
