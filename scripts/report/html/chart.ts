/**
 * Draws charts as static SVG, without a browser, by ECharts' server mode. Each chart is drawn twice, for wide and for
 * narrow screens, and the style sheet shows one of the two.
 */
import { BarChart, CustomChart, LineChart, ScatterChart } from 'echarts/charts'
import { GridComponent } from 'echarts/components'
import * as echarts from 'echarts/core'
import { LabelLayout } from 'echarts/features'
import { SVGRenderer } from 'echarts/renderers'
import type { EChartsOption } from 'echarts/types/dist/shared'
import { type Colour, coloured, ink } from './colours.ts'
import { html, Markup } from './markup.ts'

echarts.use([BarChart, CustomChart, LineChart, ScatterChart, GridComponent, LabelLayout, SVGRenderer])

/** A drawing's room, in pixels. */
export interface Room {
  width: number
  isNarrow: boolean
}

export interface Chart {
  /** The chart in words, for those who do not see it, and above it where a section has several. */
  label: string
  /** Whether the label stands above the chart. */
  isTitled?: boolean
  /** Meanings of the colours and shapes. */
  key?: readonly KeyEntry[]
  height(room: Room): number
  option(room: Room): EChartsOption
}

interface KeyEntry {
  name: string
  colour: Colour
  shape: 'cell' | 'bar' | 'rect' | 'circle' | 'diamond' | 'triangle'
  isHollow?: boolean
}

const ROOMS: readonly (Room & { name: 'wide' | 'narrow' })[] = [
  { name: 'wide', width: 896, isNarrow: false },
  { name: 'narrow', width: 356, isNarrow: true },
]
/** Decimal places of coordinates: a tenth of a pixel is finer than any screen, and the page is much smaller. */
const COORDINATE = /(\d+\.\d)\d+(?=[^<>]*>)/g
/** Attributes for scripts and for a mouse, which nothing reads here; their numbers differ from drawing to drawing. */
const FOR_SCRIPTS = / (?:class="zr[\w-]*"|ecmeta_\w+="[^"]*"|pointer-events="\w+"|xml:space="preserve")(?=[^<>]*>)/g

/** No chart draws beyond its axes, and what clips it has names that are no chart's own. */
const CLIPS = / clip-path="[^"]*"(?=[^<>]*>)|<defs ?>.*?<\/defs>/gs

/** Both drawings of a chart, with its key above. @param id - for the page: its words and drawing belong together */
export function drawn(chart: Chart, id: string): Markup {
  const { label, isTitled = false, key = [] } = chart
  const entries = key.map(({ colour, name, shape, isHollow = false }) => {
    return html`<li><span class="${shape}${isHollow ? ' hollow' : ''}" style="--ink:var(--${colour})"></span>${name}</li>`
  })
  return html`<figure>${isTitled ? html`<figcaption>${label}</figcaption>` : html``}${
    entries.length === 0 ? html`` : html`<ul class="key">${entries}</ul>`
  }${ROOMS.map((room) => picture(chart, room, `${id}-${room.name}`))}</figure>`
}

function picture(chart: Chart, room: (typeof ROOMS)[number], id: string): Markup {
  const height = chart.height(room)
  const instance = echarts.init(null, null, { renderer: 'svg', ssr: true, width: room.width, height })
  try {
    instance.setOption({ ...COMMON, ...chart.option(room) })
    const svg = instance.renderToSVGString()
    const body = svg
      .slice(svg.indexOf('>') + 1)
      .replace(FOR_SCRIPTS, '')
      .replace(CLIPS, '')
      .replace(COORDINATE, '$1')
    const head = html`<svg class="${room.name}" viewBox="0 0 ${room.width} ${height}" role="img" aria-labelledby="${id}"><title id="${id}">${chart.label}</title>`
    return new Markup(head.source + coloured(body))
  } finally {
    instance.dispose()
  }
}

const COMMON: EChartsOption = {
  animation: false,
  textStyle: { fontFamily: 'inherit', fontSize: 12, color: ink('soft') },
}
