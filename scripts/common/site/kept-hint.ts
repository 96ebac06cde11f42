/** The work that a stopped site has kept, and the line that goes on with it. */
import type { Plan } from '../../../protocols/plan/plan.ts'
import { id8 } from '../../../protocols/wire/encoding.ts'
import { RoundLine } from '../../progress/round-line.ts'

/** This site's own part of a round. */
export interface OwnPart {
  round: number
  done: number
  total: number
}

/** @param part - of the newest round; null: it was not begun, or is over */
export function keptHint(plan: Plan, part: OwnPart | null, data: string): string {
  const resume = `npx --no-install coppice resume ${id8(plan.id)} --data ${data}`
  const kept =
    part === null || part.done === 0
      ? 'all that this site has of the federation'
      : `${part.done} of ${part.total} ${new RoundLine(plan).unitOf(part.round)}s of round ${part.round}`
  return `Kept: ${kept}. To go on: ${resume}`
}
