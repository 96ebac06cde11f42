/** A grid of cells, each with the colour of its number's step on a scale, and the number in it where there is room. */
import type { CustomSeriesRenderItemAPI, CustomSeriesRenderItemParams } from 'echarts'
import type { Chart, Room } from '../chart.ts'
import { ink, SCALE } from '../colours.ts'
import { fitting, nameAxis, roomFor } from './axes.ts'

interface GridInit {
  label: string
  isTitled?: boolean
  columns: readonly string[]
  rows: readonly string[]
  /** Values by row, then column; null: there is none. */
  values: readonly (readonly (number | null)[])[]
  format(value: number): string
}

const CELL_PX = 26
/** A cell narrower than its number, in pixels for each character, stays without it. */
const CHARACTER_PX = 6.6
/** Numbers on this step of the scale and above stand in the ground's colour. */
const DARK_STEP = 4

export function gridChart({ label, isTitled, columns, rows, values, format }: GridInit): Chart {
  const known = values.flat().filter((value) => value !== null)
  const [least, most] = [Math.min(...known), Math.max(...known)]
  const stepOf = (value: number) => {
    const share = most > least ? (value - least) / (most - least) : 0
    return Math.min(SCALE.length - 1, Math.floor(share * SCALE.length))
  }
  const cells = values.flatMap((row, y) => row.flatMap((value, x) => (value === null ? [] : [{ x, y, value }])))
  const longest = Math.max(0, ...cells.map(({ value }) => format(value).length))
  return {
    label,
    isTitled,
    key: keyOf(least, most, format),
    height: () => 34 + CELL_PX * rows.length,
    option: (room) => {
      const names = rows.map((name) => fitting(name, room))
      const left = roomFor(names)
      const hasRoom = (room.width - left - 8) / columns.length >= longest * CHARACTER_PX + 4
      const axis = nameAxis(columns)
      return {
        grid: { left, right: 8, top: 4, bottom: 28 },
        xAxis: {
          ...axis,
          axisLine: { show: false },
          axisLabel: { ...axis.axisLabel, interval: everyOf(columns, room) },
        },
        yAxis: { ...nameAxis(names), inverse: true, axisLine: { show: false } },
        series: {
          silent: true,
          type: 'custom' as const,
          data: cells.map(({ x, y, value }) => [x, y, value]),
          renderItem: (_: CustomSeriesRenderItemParams, api: CustomSeriesRenderItemAPI) => {
            const step = stepOf(Number(api.value(2)))
            const [x, y] = api.coord([api.value(0), api.value(1)])
            const [width, height] = (api.size?.([1, 1]) ?? [0, 0]) as number[]
            const shape = { x: x - width / 2 + 1, y: y - height / 2 + 1, width: width - 2, height: height - 2, r: 3 }
            const cell = { type: 'rect' as const, shape, style: { fill: ink(SCALE[step]) } }
            if (!hasRoom) return cell
            const fill = ink(step >= DARK_STEP ? 'ground' : 'text')
            const style = { text: format(Number(api.value(2))), x, y, fill, fontSize: 11 } as const
            const text = { ...style, align: 'center' as const, verticalAlign: 'middle' as const }
            return { type: 'group' as const, children: [cell, { type: 'text' as const, style: text }] }
          },
        },
      }
    },
  }
}

/** The first and the last step of the scale, in words. */
function keyOf(least: number, most: number, format: (value: number) => string): NonNullable<Chart['key']> {
  return [
    { colour: SCALE[0], name: format(least), shape: 'cell' },
    { colour: SCALE[Math.floor(SCALE.length / 2)], name: format((least + most) / 2), shape: 'cell' },
    { colour: SCALE[SCALE.length - 1], name: format(most), shape: 'cell' },
  ]
}

/** The columns that have their name under them, so that names do not touch. */
function everyOf(columns: readonly string[], { width }: Room): (at: number) => boolean {
  const every = Math.max(1, Math.ceil((columns.length * 30) / width))
  return (at) => at % every === 0
}
