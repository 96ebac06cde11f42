/**
 * The one palette of all pages. Series are Okabe and Ito's colours, which people with any form of colour blindness tell
 * apart ("Color Universal Design", 2008); on a dark ground they are lighter. Steps of a scale are one hue, from little
 * to much.
 *
 * Charts are drawn once and shown on both grounds: they are drawn with a stand-in for each colour, a hexadecimal number
 * that no chart has otherwise, which becomes a CSS variable in the picture.
 */

/** [on a light ground, on a dark one]. */
const COLOURS = {
  ground: ['#ffffff', '#14181c'],
  panel: ['#f5f7f8', '#1c2228'],
  text: ['#1b2126', '#e8ecef'],
  soft: ['#56616b', '#a3aeb8'],
  rule: ['#d8dee3', '#323b44'],
  blue: ['#0072b2', '#5ab4ec'],
  orange: ['#d55e00', '#ff9a55'],
  green: ['#00805d', '#3fcfa6'],
  pink: ['#b85a8e', '#eba6cd'],
  sky: ['#3a9bd4', '#a5dcff'],
  gold: ['#b97f00', '#f3c552'],
  scale0: ['#edf3f8', '#1d2933'],
  scale1: ['#d0e1ee', '#213a4c'],
  scale2: ['#a9cbe2', '#285067'],
  scale3: ['#79afd3', '#326b8b'],
  scale4: ['#458fc0', '#4488b0'],
  scale5: ['#1b6ca3', '#66aad3'],
  scale6: ['#084a78', '#9ad3f5'],
} as const

export type Colour = keyof typeof COLOURS

/** Colours of series, in the order in which they are taken. */
export const SERIES = ['blue', 'orange', 'green', 'pink', 'sky', 'gold'] as const satisfies readonly Colour[]
/** Colours of a scale, from little to much. */
export const SCALE = ['scale0', 'scale1', 'scale2', 'scale3', 'scale4', 'scale5', 'scale6'] as const

const NAMES = Object.keys(COLOURS) as Colour[]
/** Above it the stand-ins begin: their last two digits count. */
const STAND_IN = '#0badc0'

/** The stand-in of a colour in a chart's options. */
export function ink(colour: Colour): string {
  const number = NAMES.indexOf(colour).toString(16).padStart(2, '0')
  return `${STAND_IN.slice(0, 5)}${number}`
}

/** A picture whose stand-ins have become variables. */
export function coloured(svg: string): string {
  return NAMES.reduce((picture, colour) => picture.replaceAll(ink(colour), `var(--${colour})`), svg)
}

/** The variables of both grounds, for a style sheet. */
export function colourVariables(): string {
  const variables = (ground: 0 | 1) => NAMES.map((name) => `--${name}:${COLOURS[name][ground]}`).join(';')
  return `:root{color-scheme:light dark;${variables(0)}}@media(prefers-color-scheme:dark){:root{${variables(1)}}}@media print{:root{color-scheme:light;${variables(0)}}}`
}
