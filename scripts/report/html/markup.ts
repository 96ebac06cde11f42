/** HTML that is written piece by piece: every text is escaped unless it is a piece of markup itself. */

/** A piece of markup. Whoever makes one by hand answers for it. */
export class Markup {
  readonly source: string

  constructor(source: string) {
    this.source = source
  }

  toString(): string {
    return this.source
  }
}

type Piece = string | number | Markup | readonly Markup[]

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** A text as it may stand between tags and in an attribute's quotes. */
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ESCAPES[character])
}

/** Markup with texts in it: html`<p>${name}</p>`. */
export function html(parts: TemplateStringsArray, ...pieces: Piece[]): Markup {
  const source = parts.reduce((sum, part, i) => sum + part + (i < pieces.length ? written(pieces[i]) : ''), '')
  return new Markup(source)
}

function written(piece: Piece): string {
  if (piece instanceof Markup) return piece.source
  return typeof piece === 'string' || typeof piece === 'number' ? escaped(String(piece)) : piece.join('')
}
