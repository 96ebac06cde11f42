/** Columns of a terminal: Chinese characters take two, marks on a letter none. */
import stringWidth from 'fast-string-width'

/** Isolates keep text that runs from right to left apart. They take no column. */
const UNSEEN = /[\u2066-\u2069]/gu
const segmenter = new Intl.Segmenter()

/** The number of columns that a text takes. */
export function columns(text: string): number {
  return stringWidth(text.replace(UNSEEN, ''))
}

/** The longest beginning of a text that fits into `room` columns. */
export function clipped(text: string, room: number): string {
  if (columns(text) <= room) return text
  let [end, used] = [0, 0]
  for (const { segment } of segmenter.segment(text)) {
    used += columns(segment)
    if (used > room) break
    end += segment.length
  }
  return text.slice(0, end)
}

export function padEnd(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - columns(text)))
}

export function padStart(text: string, width: number): string {
  return ' '.repeat(Math.max(0, width - columns(text))) + text
}
