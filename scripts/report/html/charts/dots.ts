/** Dots of several series beside each name, on one axis of numbers. */
import type { Chart } from '../chart.ts'
import { type Colour, ink } from '../colours.ts'
import { fitting, nameAxis, roomFor, STILL, valueAxis } from './axes.ts'

export interface Dots {
  name: string
  colour: Colour
  shape: 'circle' | 'rect' | 'triangle' | 'diamond'
  isHollow?: boolean
  /** One entry a row; null: there is none. */
  values: readonly (number | null)[]
}

interface DotsInit {
  label: string
  isTitled?: boolean
  rows: readonly string[]
  series: readonly Dots[]
  format(value: number): string
}

const ROW_PX = 40

export function dotsChart({ label, isTitled, rows, series, format }: DotsInit): Chart {
  return {
    label,
    isTitled,
    key: series,
    height: () => 44 + ROW_PX * rows.length,
    option: (room) => {
      const names = rows.map((name) => fitting(name, room))
      const axis = nameAxis(names)
      return {
        grid: { left: roomFor(names), right: 24, top: 8, bottom: 28 },
        xAxis: valueAxis('', format),
        yAxis: { ...axis, inverse: true, splitLine: { show: true, lineStyle: { color: ink('rule'), type: 'dotted' } } },
        series: series.map(({ colour, shape, isHollow = false, values }) => ({
          ...STILL,
          type: 'scatter' as const,
          symbol: shape,
          symbolSize: 13,
          itemStyle: isHollow
            ? { color: ink('ground'), borderColor: ink(colour), borderWidth: 2.5, opacity: 1 }
            : { color: ink(colour), borderColor: ink('ground'), borderWidth: 1, opacity: 1 },
          data: values.flatMap((value, row) => (value === null ? [] : [[value, row]])),
        })),
      }
    },
  }
}
