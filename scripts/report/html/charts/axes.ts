/** Parts that all charts share. */
import type { Room } from '../chart.ts'
import { ink } from '../colours.ts'

/** The width of a character of a label, in pixels: a mean over Latin text of 12 pixels. */
const CHARACTER_PX = 6.6
/** The most characters of a label: a longer one is cut, and the table has it whole. */
const MOST_CHARACTERS = { wide: 26, narrow: 14 }

/** For every series: a picture does not change under the mouse. Those that are drawn by hand have no other state. */
export const STILL = { silent: true, emphasis: { disabled: true } }

const LABEL = { color: ink('soft'), fontSize: 12 }

/** A label that fits beside a chart. */
export function fitting(label: string, { isNarrow }: Room): string {
  const most = isNarrow ? MOST_CHARACTERS.narrow : MOST_CHARACTERS.wide
  const letters = [...label]
  return letters.length <= most ? label : `${letters.slice(0, most - 1).join('')}…`
}

/** The room that labels take, in pixels. */
export function roomFor(labels: readonly string[]): number {
  return Math.ceil(Math.max(0, ...labels.map((label) => [...label].length)) * CHARACTER_PX) + 12
}

/** An axis of numbers with thin rules. */
export function valueAxis(name: string, format: (value: number) => string) {
  return {
    type: 'value' as const,
    name,
    nameTextStyle: LABEL,
    axisLabel: { ...LABEL, formatter: format, hideOverlap: true },
    axisLine: { show: false },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: ink('rule'), width: 1 } },
  }
}

/** An axis of names. ECharts reads a name as it is. */
export function nameAxis(names: readonly string[]) {
  return {
    type: 'category' as const,
    data: [...names],
    axisLabel: { ...LABEL, interval: 0, color: ink('text') },
    axisLine: { lineStyle: { color: ink('rule') } },
    axisTick: { show: false },
    splitLine: { show: false },
  }
}
