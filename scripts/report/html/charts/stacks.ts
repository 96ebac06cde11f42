/** Bars of parts that add up, one bar a name. */
import type { Chart } from '../chart.ts'
import { type Colour, ink } from '../colours.ts'
import { fitting, nameAxis, roomFor, STILL, valueAxis } from './axes.ts'

interface Part {
  name: string
  colour: Colour
  /** One entry a row. */
  values: readonly number[]
}

interface StacksInit {
  label: string
  isTitled?: boolean
  rows: readonly string[]
  parts: readonly Part[]
  format(value: number): string
}

/** Rows are this high, less where there are many. */
const ROW_PX = { few: 34, many: 22 }
const MANY = 10

export function stacksChart({ label, isTitled, rows, parts, format }: StacksInit): Chart {
  const row = rows.length > MANY ? ROW_PX.many : ROW_PX.few
  return {
    label,
    isTitled,
    key: parts.length > 1 ? parts.map(({ name, colour }) => ({ name, colour, shape: 'rect' })) : [],
    height: () => 44 + row * rows.length,
    option: (room) => {
      const names = rows.map((name) => fitting(name, room))
      const totals = rows.map((_, i) => parts.reduce((sum, { values }) => sum + values[i], 0))
      const ends = totals.map(format)
      return {
        grid: { left: roomFor(names), right: roomFor(ends) + 12, top: 8, bottom: 28 },
        xAxis: { ...valueAxis('', format), splitNumber: room.isNarrow ? 3 : 6 },
        yAxis: { ...nameAxis(names), inverse: true },
        series: parts.map(({ colour, values }, part) => ({
          ...STILL,
          type: 'bar' as const,
          stack: 'all',
          barWidth: Math.round(row * 0.6),
          itemStyle: { color: ink(colour), borderColor: ink('ground'), borderWidth: 1 },
          label: {
            show: part === parts.length - 1,
            position: 'right' as const,
            color: ink('text'),
            formatter: ({ dataIndex }: { dataIndex: number }) => ends[dataIndex],
          },
          data: [...values],
        })),
      }
    },
  }
}
