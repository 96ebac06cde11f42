/**
 * Shares (sparsity, sample, capacity, until-change) as whole parts per million. They are read from the decimal string,
 * never through a double: 0.55 * 100 in doubles is 55.00000000000001, whose ceiling is 56.
 */

/** A share of 1, in parts per million: six decimal places. */
export const PPM = 1_000_000

const PLAIN_DECIMAL = /^(?:([01])(?:\.([0-9]{1,6}))?|\.([0-9]{1,6}))$/

/**
 * Reads a decimal as parts per million: '0.55' is 550000.
 * @throws {RangeError} the text is not a plain decimal from 0 to 1 of at most 6 places (no sign, exponent or space)
 */
export function parsePpm(text: string): number {
  const [, units = '0', places, bare] = PLAIN_DECIMAL.exec(text) ?? [text, undefined]
  const ppm = Number(units) * PPM + Number((places ?? bare ?? '').padEnd(6, '0'))
  if (!PLAIN_DECIMAL.test(text) || ppm > PPM) {
    throw new RangeError(`${JSON.stringify(text)}: expected a decimal from 0 to 1 of at most 6 places`)
  }
  return ppm
}

/** The double nearest to the share. JSON prints it as the same decimal again. */
export function ppmToFraction(ppm: number): number {
  return ppm / PPM
}

/** floor(count * ppm / 10^6), exactly, for count up to 2^40. */
export function floorShare(count: number, ppm: number): number {
  return Number((BigInt(count) * BigInt(ppm)) / 1_000_000n)
}

/** ceil(count * ppm / 10^6), exactly, for count up to 2^40. */
export function ceilShare(count: number, ppm: number): number {
  return Number((BigInt(count) * BigInt(ppm) + 999_999n) / 1_000_000n)
}
