/** Columns of a terminal: Chinese characters take two, marks on a letter none. Lines end with whole words. */
import stringWidth from 'fast-string-width'

/** Isolates keep text that runs from right to left apart. They take no column. */
const UNSEEN = /[\u2066-\u2069]/gu
/** The columns of a terminal that does not say how many it has. */
export const DEFAULT_COLUMNS = 80
/** Words are not put into less than this: what is narrower is no place to read. */
const LEAST_COLUMNS = 20
/** Tables, whose columns stand apart, and commands, which people copy: the terminal itself may fold them. */
const UNBROKEN = /\S {2,}\S|\bnpx |^\s*coppice |^[-─]+$/
const ELLIPSIS = '...'

/** The number of columns that a text takes. */
export function columns(text: string): number {
  return stringWidth(text.replace(UNSEEN, ''))
}

/** The first words of a line that fit into `room` columns, with an ellipsis if any are left out. */
export function shortened(line: string, room: number): string {
  if (columns(line) <= room) return line
  const words = line.split(' ')
  while (words.length > 0 && columns(words.join(' ')) + 1 + ELLIPSIS.length > room) words.pop()
  return [...words, ELLIPSIS].join(' ')
}

/** Breaks lines that are longer than `room` columns between two words; what follows is indented as the line was. */
export function wrapped(text: string, room: number): string {
  if (room < LEAST_COLUMNS) return text
  return text
    .split('\n')
    .map((line) => (columns(line) <= room || UNBROKEN.test(line) ? line : wrappedLine(line, room)))
    .join('\n')
}

function wrappedLine(line: string, room: number): string {
  const [indent] = /^ */.exec(line) ?? ['']
  const lines: string[] = []
  let own = ''
  for (const word of line.trim().split(' ')) {
    const longer = own === '' ? `${indent}${word}` : `${own} ${word}`
    if (own !== '' && columns(longer) > room) {
      lines.push(own)
      own = `${indent}${word}`
    } else {
      own = longer
    }
  }
  return [...lines, own].join('\n')
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - columns(text)))
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - columns(text))) + text
}
