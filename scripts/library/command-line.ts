/**
 * A request as the command line that says the same. So every value is read and refused in one place, whichever way it
 * comes.
 */

/** The values that a request may have. */
type Value = string | number | boolean | readonly (string | number)[] | undefined

/** Options that are given once a value. Other lists are one value, separated by commas. */
const REPEATED = ['text', 'eval']
/** Options that `false` turns off by an option of its own: --no-eval. */
const NEGATED = ['eval', 'listen']

/**
 * @param name - of the command
 * @param argument - what stands behind the options, undefined: nothing does
 */
export function commandLine(name: string, request: object, argument?: string): string[] {
  const options = Object.entries(request as Record<string, Value>).flatMap(([key, value]) => optionOf(key, value))
  return [name, ...options, ...(argument === undefined ? [] : ['--', argument])]
}

function optionOf(key: string, value: Value): string[] {
  const name = key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  if (value === undefined) return []
  if (value === true) return [`--${name}`]
  if (value === false) return NEGATED.includes(key) ? [`--no-${name}`] : []
  if (Array.isArray(value) && REPEATED.includes(key)) return value.map((each) => `--${name}=${each}`)
  if (Array.isArray(value)) return [`--${name}=${value.length === 0 ? 'none' : value.join(',')}`]
  return [`--${name}=${value}`]
}
