/** Numbers as people read them. */

const BYTE_UNITS = ['B', 'kB', 'MB', 'GB', 'TB']

/** 1234567 -> "1.2 MB": decimal units, two significant digits. */
export function bytes(count: number): string {
  let unit = 0
  let value = count
  while (value >= 999.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1000
    unit++
  }
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : Number(value.toPrecision(2))} ${BYTE_UNITS[unit]}`
}

/** 4.21 -> "4.2 s", 65 -> "1 min 05 s", 3700 -> "1 h 01 min". */
export function duration(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`
}

/**
 * A time that is only forecast: 38.4 -> "38 s", 97 -> "1 min 40 s", 1500 -> "25 min", 11000 -> "3 h 05 min". It is
 * as coarse as it is uncertain.
 */
export function timeLeft(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  const tens = Math.round(seconds / 10)
  if (tens < 60) return `${Math.floor(tens / 6)} min ${String((tens % 6) * 10).padStart(2, '0')} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 60) return `${minutes} min`
  const fives = Math.round(minutes / 5)
  return `${Math.floor(fives / 12)} h ${String((fives % 12) * 5).padStart(2, '0')} min`
}

/** The time of a run, 0.0213 -> "21.3 ms", 1.5 -> "1.50 s": three significant digits. */
export function runTime(seconds: number): string {
  const [value, unit] = seconds < 0.9995 ? [seconds * 1000, 'ms'] : [seconds, 's']
  return `${value < 99.95 ? value.toPrecision(3) : Math.round(value)} ${unit}`
}

/** A perplexity: with two decimal places below 1000. */
export function perplexityText(value: number): string {
  return value < 1000 ? value.toFixed(2) : value.toPrecision(6)
}

/** 0.6 -> "60 %", 0.60002 -> "60.002 %". */
export function percent(share: number): string {
  return `${Number((share * 100).toPrecision(5))} %`
}

/** A change as a percentage, -0.153 -> "-15 %", 0.02 -> "+2 %". */
export function changePercent(share: number): string {
  return `${share > 0 ? '+' : ''}${Math.round(share * 100)} %`
}

/** 1416960 -> "1,416,960". */
export function grouped(count: number): string {
  return count.toLocaleString('en-US')
}

/** "1 window", "2 windows". */
export function counted(count: number, singular: string, plural = `${singular}s`): string {
  return `${grouped(count)} ${count === 1 ? singular : plural}`
}

/** [3] -> "block 3", [0, 1, 2, 5] -> "blocks 0 to 2, 5". @param numbers - ascending */
export function blocksInWords(numbers: readonly number[]): string {
  const runs: number[][] = []
  for (const number of numbers) {
    const run = runs.at(-1)
    if (run?.at(-1) === number - 1) run.push(number)
    else runs.push([number])
  }
  const words = runs.map((run) => (run.length > 2 ? `${run[0]} to ${run.at(-1)}` : run.join(', ')))
  return `${numbers.length === 1 ? 'block' : 'blocks'} ${words.join(', ')}`
}

/** @param difference - of logits between a written model and the engine, as a share of the largest; null: see Engine */
export function sameLogits(difference: number | null): string {
  if (difference === null) return 'there was not enough memory to run it whole in plain ONNX Runtime as well'
  const within = difference === 0 ? 'bit for bit' : `within ${difference.toExponential(0)} of the largest`
  return `plain ONNX Runtime gives the same logits ${within}`
}
