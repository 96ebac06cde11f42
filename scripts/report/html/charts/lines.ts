/** Lines over steps in their order, each named at its end. */
import type { Chart } from '../chart.ts'
import { ink, SERIES } from '../colours.ts'
import { fitting, nameAxis, roomFor, STILL, valueAxis } from './axes.ts'

interface Line {
  name: string
  /** One entry a step; null: there is none. */
  values: readonly (number | null)[]
}

interface LinesInit {
  label: string
  steps: readonly string[]
  lines: readonly Line[]
  format(value: number): string
}

/** Shapes of points, so that lines can be told apart without colour. */
const SHAPES = ['circle', 'rect', 'triangle', 'diamond', 'roundRect', 'pin'] as const
/** More steps than these have no name each. */
const MOST_NAMES = { wide: 12, narrow: 4 }
/** The room above and below the lines, and the height of a name at a line's end, in pixels. */
const [TOP_PX, BOTTOM_PX, NAME_PX] = [16, 30, 15]
/** Rules across the chart, about as many. */
const RULES = 5

export function linesChart({ label, steps, lines, format }: LinesInit): Chart {
  const known = lines.flatMap(({ values }) => values.filter((value) => value !== null))
  const { min, max, step } = evenRange(Math.min(...known), Math.max(...known))
  const heightOf = (isNarrow: boolean) => Math.max(isNarrow ? 260 : 320, TOP_PX + BOTTOM_PX + NAME_PX * lines.length)
  return {
    label,
    height: ({ isNarrow }) => heightOf(isNarrow),
    option: (room) => {
      const names = lines.map(({ name }) => fitting(name, room))
      const every = Math.ceil(steps.length / (room.isNarrow ? MOST_NAMES.narrow : MOST_NAMES.wide))
      const perUnit = (heightOf(room.isNarrow) - TOP_PX - BOTTOM_PX) / (max - min)
      const ends = lines.map(
        ({ values }) => TOP_PX + perUnit * (max - (values.findLast((value) => value !== null) ?? min)),
      )
      const moved = apart(ends, heightOf(room.isNarrow) - BOTTOM_PX)
      const axis = nameAxis(steps)
      return {
        grid: { left: 44, right: roomFor(names) + 8, top: TOP_PX, bottom: BOTTOM_PX },
        xAxis: {
          ...axis,
          boundaryGap: false,
          axisLabel: { ...axis.axisLabel, interval: (at: number) => at % every === 0 },
        },
        yAxis: { ...valueAxis('', format), min, max, interval: step },
        series: lines.map(({ values }, i) => seriesOf(values, { name: names[i], shift: moved[i] - ends[i] }, i)),
      }
    },
  }
}

function seriesOf(values: Line['values'], { name, shift }: { name: string; shift: number }, at: number) {
  const color = ink(SERIES[at % SERIES.length])
  const last = values.findLastIndex((value) => value !== null)
  return {
    ...STILL,
    type: 'line' as const,
    symbol: SHAPES[(Math.floor(at / SERIES.length) + at) % SHAPES.length],
    symbolSize: 8,
    showAllSymbol: true,
    lineStyle: { color, width: 2.25 },
    itemStyle: { color },
    data: values.map((value, i) => {
      const label = { show: i === last, position: 'right' as const, offset: [0, shift], formatter: () => name, color }
      return { value: value ?? '-', label }
    }),
  }
}

/** Places of names at lines' ends, moved so that they do not cover each other. @param bottom - the lowest place */
function apart(places: readonly number[], bottom: number): number[] {
  const order = [...places.keys()].sort((a, b) => places[a] - places[b])
  const moved = [...places]
  for (const [k, at] of order.entries()) {
    if (k > 0) moved[at] = Math.max(places[at], moved[order[k - 1]] + NAME_PX)
  }
  let lowest = bottom
  for (const at of order.reverse()) {
    moved[at] = Math.min(moved[at], lowest)
    lowest = moved[at] - NAME_PX
  }
  return moved
}

/** A range with round ends that holds both numbers, and the distance of its rules. */
function evenRange(least: number, most: number): { min: number; max: number; step: number } {
  const step = stepFor(least, most)
  const min = Math.floor(least / step) * step
  return { min, max: Math.max(min + step, Math.ceil(most / step) * step), step }
}

/** 1, 2 or 5 times a power of ten. */
function stepFor(least: number, most: number): number {
  const rough = Math.max(most - least, Math.abs(most) * 1e-3, Number.MIN_VALUE * 1e9) / RULES
  const power = 10 ** Math.floor(Math.log10(rough))
  return power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10)
}
