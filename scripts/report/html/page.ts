/**
 * A report as one HTML document: it loads nothing, runs nothing and connects to nothing, and says so in its policy. It
 * is the same on a screen of any width, on a light and a dark ground, and on paper.
 */
import { html, Markup } from './markup.ts'
import { type Section, sectionMarkup } from './section.ts'
import { STYLE } from './style.ts'

export interface Page {
  title: string
  /** A sentence or two on what was done. */
  lead: string
  /** The few numbers that count, each with its name. */
  facts: readonly Fact[]
  sections: readonly Section[]
  /** Facts that a reader needs to check or repeat it. */
  sources: readonly Fact[]
}

export type Fact = readonly [name: string, value: string]

/** Nothing is loaded, run or connected to. Styles stand in the page, and the icon of the tab is empty. */
export const STATIC_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"

/** Sections that were drawn before, by name: one whose words and numbers are the same is not drawn again. */
export type DrawnBefore = Map<string, { told: string; markup: Markup }>

/** The parts of a page, in their order, each with a name that stays: a live page replaces them one by one. */
export function pageParts(
  { title, lead, facts, sections, sources }: Page,
  before: DrawnBefore = new Map(),
): ReadonlyMap<string, Markup> {
  const head = html`<header id="top">
<p class="brand">Coppice</p>
<h1>${title}</h1>
<p class="lead">${lead}</p>
<dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
</header>
`
  const foot = html`<footer id="sources"><dl>${sources.map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl></footer>
`
  return new Map([
    ['top', head],
    ...sections.map((section) => [section.id, drawnOnce(section, before)] as const),
    ['sources', foot],
  ])
}

/** All that a chart shows stands in the section's words and its table, of which functions are no part. */
function drawnOnce(section: Section, before: DrawnBefore): Markup {
  const told = JSON.stringify(section)
  const known = before.get(section.id)
  if (known?.told === told) return known.markup
  const markup = sectionMarkup(section)
  before.set(section.id, { told, markup })
  return markup
}

/** The whole document of a report. */
export function reportDocument(page: Page): string {
  return documentOf(page.title, STATIC_POLICY, bodyOf(pageParts(page)))
}

export function bodyOf(parts: ReadonlyMap<string, Markup>): Markup {
  const sections = [...parts].filter(([id]) => id !== 'top' && id !== 'sources').map(([, part]) => part)
  return html`${parts.get('top') ?? html``}<main>
${sections}</main>
${parts.get('sources') ?? html``}`
}

export function documentOf(title: string, policy: string, body: Markup): string {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${new Markup(STYLE)}</style>
</head>
<body>
${body}</body>
</html>
`.source
}
