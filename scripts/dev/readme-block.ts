/** The first block of README that shows output: the end of the default run, and the machine that computed it. */

/** The sentence in front of the block. */
const RECORDED = /It ends so \(paths shortened; recorded on (.+), whose arithmetic has the mark ([0-9a-f]{16})\):/
const BLOCK = new RegExp(`${RECORDED.source}\n\n\`\`\`\n([\\s\\S]*?)\n\`\`\``)

interface RecordedRun {
  /** The processor's name in the system. */
  processor: string
  /** The probe of its matrix products: see src/runtime/arithmetic-mark.ts. */
  arithmetic: string
  lines: string[]
}

/** The run that README shows. @throws {Error} README has no such block */
export function recordedRun(readme: string): RecordedRun {
  const match = BLOCK.exec(readme)
  if (match === null) throw new Error('README.md has no block of output behind the words "It ends so"')
  return { processor: match[1], arithmetic: match[2], lines: match[3].split('\n') }
}

/** README with another run in place of its own. */
export function withRun(readme: string, { processor, arithmetic, lines }: RecordedRun): string {
  recordedRun(readme)
  const sentence = `It ends so (paths shortened; recorded on ${processor}, whose arithmetic has the mark ${arithmetic}):`
  return readme.replace(BLOCK, () => `${sentence}\n\n\`\`\`\n${lines.join('\n')}\n\`\`\``)
}

/**
 * The lines that a simulation prints from its last table on. @param out - its output directory, shown as coppice-out/ID
 * @throws {Error} no table or no federation at the end
 */
export function endOfRun(stdout: string, out: string): string[] {
  const lines = stdout.trimEnd().split('\n')
  const start = lines.findLastIndex((line) => line.startsWith('perplexity '))
  const id = /^Federation ([0-9a-f]{8})/.exec(lines.at(-1) ?? '')?.[1]
  if (start === -1 || id === undefined) throw new Error(`no table and federation at the end of:\n${stdout}`)
  return lines.slice(start).map((line) => line.replaceAll(out, `coppice-out/${id}`))
}

/** The largest relative difference between a perplexity and the recorded one. */
const PERPLEXITY_TOLERANCE = 0.01

/**
 * The lines in which a run differs from the recorded one. Words, zeros and bytes of contributions must be the same,
 * perplexities within a percent, and the root only on a machine of the same arithmetic. Durations may differ, and with
 * them the last digit of the bytes sent over sockets: members send status messages for as long as a run takes
 * (measured: 0.7 % more bytes in 2.2 times the time).
 */
export function differences(recorded: readonly string[], now: readonly string[], sameArithmetic: boolean): string[] {
  if (recorded.length !== now.length) return [`${now.length} lines instead of ${recorded.length}`]
  return recorded.flatMap((line, at) => {
    const [wanted, found] = [line, now[at]].map((text) => comparable(text, at === HEADING, sameArithmetic))
    const same = wanted.length === found.length && wanted.every((token, k) => equal(token, found[k]))
    return same ? [] : [`"${now[at]}" instead of "${line}"`]
  })
}

const PERPLEXITY = /^\d+\.\d\d$/
/** Index of the second line of the table's head, with the bytes at all sockets. */
const HEADING = 1

/** The tokens of a line. The width of a table follows from its numbers, so spaces and rules do not count. */
function comparable(line: string, heading: boolean, sameArithmetic: boolean): string[] {
  if (/^-+$/.test(line)) return ['---']
  const timeless = line.replace(/ in (\d+ h |\d+ min )?[\d.]+ (s|min),/, ' in TIME,')
  const counted = timeless.replaceAll(heading ? /([\d.]+) ([kMG]?B)\b/g : /([\d.]+) ([kMG]?B)(?= in all)/g, 'sent:$1$2')
  const rooted = sameArithmetic ? counted : counted.replace(/^(All \d+ sites hold.*) [0-9a-f]{64}$/, '$1 ROOT')
  return rooted.trim().split(/\s+/)
}

function equal(wanted: string, found: string): boolean {
  const [before, after] = [wanted, found].map((token) => /^sent:(.*?)([kMG]?B)$/.exec(token))
  if (before !== null && after !== null) return before[2] === after[2] && withinLastDigit(before[1], after[1])
  if (!PERPLEXITY.test(wanted) || !PERPLEXITY.test(found)) return wanted === found
  return Math.abs(Number(found) / Number(wanted) - 1) <= PERPLEXITY_TOLERANCE
}

/** Whether two numbers differ by at most one in the last digit: "6.7" and "6.8", "13" and "14". */
function withinLastDigit(wanted: string, found: string): boolean {
  const decimals = wanted.includes('.') ? 1 : 0
  return Math.round(Math.abs(Number(found) - Number(wanted)) * 10 ** decimals) <= 1
}
