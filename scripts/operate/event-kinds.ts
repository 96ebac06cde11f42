/** When each event comes, and its level in a log. */
import type { EventLine } from './event-schema.ts'

/** From the most to the least important: a log has the lines of its level and of those before. */
export const LEVELS = ['error', 'warn', 'info', 'debug'] as const
export type Level = (typeof LEVELS)[number]

export const LEVEL_MEANINGS: Record<Level, string> = {
  error: 'The command ends without its result: somebody must act.',
  warn: 'The federation goes on, but somebody should look: another peer misbehaves, a file is damaged, nobody answers.',
  info: 'What lasts: who is here, what was agreed on, results. Some lines a round.',
  debug: 'Progress in between: steps, blocks, contributions, links. Tens to hundreds of lines a round.',
}

interface EventKind {
  level: Level
  when: string
}

export const EVENT_KINDS: Record<EventLine['event'], EventKind> = {
  start: { level: 'info', when: 'The command has begun.' },
  retrying: { level: 'warn', when: 'The founder does not answer, or cuts connections off. It is tried again.' },
  listening: { level: 'info', when: 'The peer is up and listens.' },
  invitation: { level: 'info', when: 'Founder only: the line with which the others join.' },
  waiting: { level: 'info', when: 'A site has come or gone, before all are here.' },
  signing: { level: 'info', when: 'All sites are here, and one more has signed the plan.' },
  founded: { level: 'info', when: 'All have signed: the federation begins.' },
  goingOn: { level: 'info', when: 'This site goes on with a federation that an earlier run has begun.' },
  abstains: {
    level: 'warn',
    when: 'What this site has signed earlier is not known for sure, so it signs nothing for a while.',
  },
  neighbours: { level: 'debug', when: 'Another member is connected.' },
  step: { level: 'debug', when: 'The round is in another step or attempt.' },
  standing: { level: 'debug', when: 'Another member has sent its part of the round, or is waited for no more.' },
  prune: { level: 'debug', when: "A block or step of this site's own work is finished." },
  contributions: { level: 'debug', when: 'Another contribution was announced, fetched or found good.' },
  announced: { level: 'info', when: 'This site offers its contributions: they leave it from now on.' },
  lacks: { level: 'warn', when: 'After a restart, a contribution of the last certificate is damaged or gone here.' },
  sent: { level: 'debug', when: 'A member is heard to be done with its work, for the first time.' },
  offers: { level: 'debug', when: "The list of a member's contributions is here." },
  proposed: { level: 'debug', when: 'A proposal is here.' },
  round: { level: 'info', when: 'A round has ended with a certificate.' },
  note: { level: 'debug', when: 'The round explains what it does.' },
  warning: { level: 'warn', when: 'Another peer floods, lies or belongs to another federation, or a link failed.' },
  writing: { level: 'info', when: 'The last round is over, and the model is being written.' },
  serving: { level: 'info', when: 'All files are written. Others may still fetch from here.' },
  result: { level: 'info', when: 'The command has done its work: it ends with 0.' },
  error: { level: 'error', when: 'The command ends without its result. Stopped by a signal: level info.' },
}
