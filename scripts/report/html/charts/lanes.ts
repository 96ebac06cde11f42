/** Lanes over time: bars for what takes time, marks for what happens at a moment, and bands behind for the rounds. */
import type { CustomSeriesRenderItemAPI, CustomSeriesRenderItemParams } from 'echarts'
import type { Chart } from '../chart.ts'
import { type Colour, ink } from '../colours.ts'
import { fitting, nameAxis, roomFor, STILL, valueAxis } from './axes.ts'

/** All times are in seconds; lanes are numbered from 0. */
interface LanesInit {
  label: string
  lanes: readonly string[]
  end: number
  bands: readonly { name: string; from: number; to: number }[]
  bars: readonly { lane: number; from: number; to: number; colour: Colour; isThin?: boolean }[]
  marks: readonly { lane: number; at: number; colour: Colour; shape: 'circle' | 'diamond' }[]
  key: Chart['key']
  format(seconds: number): string
}

const LANE_PX = { few: 34, many: 22 }
const MANY = 10
/** The room above the lanes, for the names of bands. */
const TOP_PX = 24
/** A band that is narrower has no name above it. */
const NAME_PX = 9
/** The narrowest bar: a thinner one would not be seen. */
const LEAST_BAR_PX = 1.5

export function lanesChart({ label, lanes, end, bands, bars, marks, key, format }: LanesInit): Chart {
  const lane = lanes.length > MANY ? LANE_PX.many : LANE_PX.few
  return {
    label,
    key,
    height: () => TOP_PX + 30 + lane * lanes.length,
    option: (room) => {
      const names = lanes.map((name) => fitting(name, room))
      const grid = { left: roomFor(names), right: 20, top: TOP_PX, bottom: 30 }
      return {
        grid,
        xAxis: {
          ...valueAxis('', format),
          min: 0,
          max: end,
          splitLine: { show: false },
          splitNumber: room.isNarrow ? 3 : 8,
        },
        yAxis: { ...nameAxis(names), inverse: true, axisLine: { show: false } },
        series: [
          {
            silent: true,
            type: 'custom' as const,
            data: bands.map(({ from, to }) => [from, to]),
            renderItem: (params: CustomSeriesRenderItemParams, api: CustomSeriesRenderItemAPI) => {
              const { name } = bands[params.dataIndex]
              const [from] = api.coord([api.value(0), 0])
              const [to] = api.coord([api.value(1), 0])
              const back = ink(params.dataIndex % 2 === 0 ? 'panel' : 'ground')
              const box = { x: from, y: TOP_PX, width: Math.max(0, to - from - 1), height: lane * lanes.length }
              const band = { type: 'rect' as const, shape: box, style: { fill: back } }
              if (to - from < NAME_PX * Math.max(1, name.length)) return band
              const style = { text: name, x: from + 4, y: 6, fill: ink('soft'), fontSize: 11 }
              return { type: 'group' as const, children: [band, { type: 'text' as const, style }] }
            },
          },
          {
            silent: true,
            type: 'custom' as const,
            data: bars.map((bar) => [bar.from, bar.to, bar.lane]),
            renderItem: (params: CustomSeriesRenderItemParams, api: CustomSeriesRenderItemAPI) => {
              const { colour, isThin = false } = bars[params.dataIndex]
              const [from, y] = api.coord([api.value(0), api.value(2)])
              const [to] = api.coord([api.value(1), api.value(2)])
              const height = Math.round(lane * (isThin ? 0.14 : 0.42))
              const shape = { x: from, y: y - height / 2, width: Math.max(LEAST_BAR_PX, to - from), height, r: 2 }
              return { type: 'rect' as const, shape, style: { fill: ink(colour) } }
            },
          },
          ...(['circle', 'diamond'] as const).map((shape) => ({
            ...STILL,
            type: 'scatter' as const,
            symbol: shape,
            symbolSize: lane > LANE_PX.many ? 10 : 8,
            data: marks
              .filter((mark) => mark.shape === shape)
              .map((mark) => ({
                value: [mark.at, mark.lane],
                itemStyle: { color: ink(mark.colour), borderColor: ink('ground'), borderWidth: 1.5, opacity: 1 },
              })),
          })),
        ],
      }
    },
  }
}
