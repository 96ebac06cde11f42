/** A line of --json=lines. */
import type { EventLine } from './event-schema.ts'

/** @param line - without its time, which is now */
export function jsonLine({ event, ...fields }: EventLine): string {
  return `${JSON.stringify({ event, time: new Date().toISOString(), ...fields })}\n`
}
