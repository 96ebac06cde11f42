/** A section of a page: one question, its charts, how its numbers were measured, and the numbers themselves. */
import { type Chart, drawn } from './chart.ts'
import { html, type Markup } from './markup.ts'

export interface Section {
  /** A name in the address, such as 'perplexity'. */
  id: string
  title: string
  /** The sentence that says what to read from the charts. */
  read: string
  charts: readonly Chart[]
  /** Sentences that say how the numbers were measured. */
  protocol: readonly string[]
  table: NumberTable
}

interface NumberTable {
  head: readonly string[]
  rows: readonly (readonly string[])[]
}

export function sectionMarkup({ id, title, read, charts, protocol, table }: Section): Markup {
  return html`<section id="${id}">
<h2>${title}</h2>
<p class="read">${read}</p>
${charts.map((chart, number) => drawn(chart, `${id}-${number + 1}`))}
<p class="protocol">${protocol.join(' ')}</p>
<details><summary>The numbers</summary>${tableMarkup(table)}</details>
</section>
`
}

function tableMarkup({ head, rows }: NumberTable): Markup {
  const cells = ([first = '', ...rest]: readonly string[]) => [
    html`<th scope="row">${first}</th>`,
    ...rest.map((cell) => html`<td>${cell}</td>`),
  ]
  return html`<div class="scroll" tabindex="0"><table><thead><tr>${head.map((cell) => html`<th scope="col">${cell}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${cells(row)}</tr>`)}</tbody></table></div>`
}
