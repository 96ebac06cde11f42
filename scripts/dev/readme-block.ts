/** The first block of README that shows output: what the default run ends with, and which machine computed it. */

/** The sentence in front of the block. */
const RECORDED = /It ends so \(paths shortened; recorded on (.+), whose arithmetic has the mark ([0-9a-f]{16})\):/
const BLOCK = new RegExp(`${RECORDED.source}\n\n\`\`\`\n([\\s\\S]*?)\n\`\`\``)

export interface RecordedRun {
  /** The processor, as the system calls it. */
  processor: string
  /** What its products of matrices give: see arithmetic-probe.ts. */
  arithmetic: string
  lines: string[]
}

/** @throws {Error} README has no such block */
export function recordedRun(readme: string): RecordedRun {
  const match = BLOCK.exec(readme)
  if (match === null) throw new Error('README.md has no block of output behind the words "It ends so"')
  return { processor: match[1], arithmetic: match[2], lines: match[3].split('\n') }
}

/** README with another run in the place of its own. */
export function withRun(readme: string, { processor, arithmetic, lines }: RecordedRun): string {
  recordedRun(readme)
  const sentence = `It ends so (paths shortened; recorded on ${processor}, whose arithmetic has the mark ${arithmetic}):`
  return readme.replace(BLOCK, () => `${sentence}\n\n\`\`\`\n${lines.join('\n')}\n\`\`\``)
}

/** What a simulation prints from its last table on. @param out - its output directory, shown as coppice-out/ID */
export function endOfRun(stdout: string, out: string): string[] {
  const lines = stdout.trimEnd().split('\n')
  const start = lines.findLastIndex((line) => line.startsWith('perplexity '))
  const id = /^Federation ([0-9a-f]{8})/.exec(lines.at(-1) ?? '')?.[1]
  if (start === -1 || id === undefined) throw new Error(`no table and federation at the end of:\n${stdout}`)
  return lines.slice(start).map((line) => line.replaceAll(out, `coppice-out/${id}`))
}

/** How far perplexities may be from those recorded. */
const PERPLEXITY_TOLERANCE = 0.01

/**
 * Where a run is not the recorded one: the words, what is zero and what was sent must be the same, perplexities within a
 * percent, the root only on a machine of the same arithmetic. Durations may differ.
 */
export function differences(recorded: readonly string[], now: readonly string[], sameArithmetic: boolean): string[] {
  if (recorded.length !== now.length) return [`${now.length} lines instead of ${recorded.length}`]
  return recorded.flatMap((line, at) => {
    const [wanted, found] = [line, now[at]].map((text) => comparable(text, sameArithmetic))
    const same = wanted.length === found.length && wanted.every((token, k) => equal(token, found[k]))
    return same ? [] : [`"${now[at]}" instead of "${line}"`]
  })
}

const PERPLEXITY = /^\d+\.\d\d$/

/** The tokens of a line. A table is set as wide as its numbers, so spaces and rules do not count. */
function comparable(line: string, sameArithmetic: boolean): string[] {
  if (/^-+$/.test(line)) return ['---']
  const text = line.replace(/ in (\d+ h |\d+ min )?[\d.]+ (s|min),/, ' in TIME,')
  return (
    sameArithmetic ? text : text.replace(/\b[0-9a-f]{64}$/, (hex) => (line.startsWith('Federation') ? hex : 'ROOT'))
  )
    .trim()
    .split(/\s+/)
}

function equal(wanted: string, found: string): boolean {
  if (!PERPLEXITY.test(wanted) || !PERPLEXITY.test(found)) return wanted === found
  return Math.abs(Number(found) / Number(wanted) - 1) <= PERPLEXITY_TOLERANCE
}
