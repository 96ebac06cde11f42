/** A table for a terminal: the first column flush left, numbers flush right. */

import { columns, padEnd, padStart } from '../terminal/width.ts'

const GAP = '  '

/**
 * @param rows - all have the same number of cells
 * @param headings - the number of rows above the rule
 */
export function table(rows: readonly (readonly string[])[], headings = 1): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => columns(row[column]))))
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? padEnd(cell, widths[column]) : padStart(cell, widths[column])))
      .join(GAP)
      .trimEnd()
  const rule = '-'.repeat(widths.reduce((sum, width) => sum + width + GAP.length, -GAP.length))
  return [...rows.slice(0, headings).map(line), rule, ...rows.slice(headings).map(line)].join('\n')
}
