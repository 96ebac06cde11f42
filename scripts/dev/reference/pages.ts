/** The parts of reference pages that follow from the code, by page and name. */
import { EVENT_KINDS, LEVEL_MEANINGS, LEVELS } from '../../operate/event-kinds.ts'
import { eventSchemas, planSchema } from '../../operate/event-schema.ts'
import { PEER_METRICS } from '../../operate/metric-table.ts'
import { memberReportSchema } from '../../operate/report-schema.ts'
import { fieldTable } from './shapes.ts'
import { table } from './table.ts'

/** Pages in docs/reference/, and their parts. */
export const PAGES: Record<string, Record<string, () => string>> = {
  'logs-and-metrics.md': {
    levels,
    events,
    plan: () => fieldTable(planSchema),
    report: () => fieldTable(memberReportSchema),
    metrics,
  },
}

function levels(): string {
  return table(
    ['level', 'meaning'],
    LEVELS.map((level) => [`\`${level}\``, LEVEL_MEANINGS[level]]),
  )
}

function events(): string {
  const parts = Object.entries(eventSchemas).map(([name, schema]) => {
    const { level, when } = EVENT_KINDS[name as keyof typeof eventSchemas]
    return `### \`${name}\`: ${level}\n\n${when}\n\n${fieldTable(schema, /^event$|^(plan|report)\./)}`
  })
  return parts.join('\n\n')
}

function metrics(): string {
  return table(
    ['metric', 'type', 'label', 'meaning'],
    PEER_METRICS.map(({ help, label = '', name, type }) => [`\`${name}\``, type, label, help]),
  )
}
