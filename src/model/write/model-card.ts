/**
 * The model card (README.md) of a written model: the base's card under a heading that says what was done to the base.
 * The bytes of the base's card are not decoded, so that any encoding comes through.
 */

/**
 * Front matter, which must stand first for the Hugging Face Hub to read it. Source: its documentation, "Model Cards".
 */
const FRONT_MATTER = /^(?:\xef\xbb\xbf)?---[ \t]*\r?\n(?:.*\r?\n)*?---[ \t]*(?:\r?\n|$)/

/** Whether a file is the card at the top of a directory. */
export function isCard(name: string): boolean {
  return /^readme\.md$/i.test(name)
}

/**
 * The base's card under the heading, behind its front matter. @param done - what was done to the base: a sentence or
 * more, without mark-up
 */
export function cardUnder(base: Buffer, done: string): Buffer {
  const { front, body } = parts(base)
  const separator = front.length > 0 && !/\n$/.test(front.toString('latin1')) ? '\n' : ''
  const heading = `${separator}\n# Made smaller or sparser with Coppice\n\n${done}\n\n${HEADING_OF_BASE}\n\n`
  return Buffer.concat([front, Buffer.from(front.length > 0 ? heading : heading.trimStart()), body])
}

const HEADING_OF_BASE =
  '# Model card of the base\n\nIts numbers (quality, size, speed) are those of the base, not of this model.'

/** Whether a card is the base's card, as it is or under a heading. */
export function holdsCard(base: Buffer, card: Buffer): boolean {
  const { front, body } = parts(base)
  return (
    card.length >= base.length &&
    card.subarray(0, front.length).equals(front) &&
    card.subarray(card.length - body.length).equals(body)
  )
}

function parts(card: Buffer): { front: Buffer; body: Buffer } {
  const end = FRONT_MATTER.exec(card.toString('latin1'))?.[0].length ?? 0
  return { front: card.subarray(0, end), body: card.subarray(end) }
}
