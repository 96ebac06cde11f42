/** The parts of reference pages that follow from the code, by page and name. */
import { type Setting, settingsOf } from '../../config/settings.ts'
import { EVENT_KINDS, LEVEL_MEANINGS, LEVELS } from '../../operate/event-kinds.ts'
import { eventSchemas } from '../../operate/event-schema.ts'
import { PEER_METRICS } from '../../operate/metric-table.ts'
import { memberReportSchema, planSchema } from '../../operate/report-schema.ts'
import { createProgram } from '../../program.ts'
import { commandsInWords } from './commands.ts'
import { fieldTable } from './shapes.ts'
import { table } from './table.ts'

/** Pages in docs/reference/, and their parts. */
export const PAGES: Record<string, Record<string, () => string>> = {
  'commands.md': { commands: commandsInWords },
  'configuration.md': { settings },
  'logs-and-metrics.md': {
    levels,
    events,
    plan: () => fieldTable(planSchema),
    report: () => fieldTable(memberReportSchema),
    metrics,
  },
}

/** A setting of several commands may have another form in each. */
function settings(): string {
  const nothing = { write: () => undefined }
  const program = createProgram(async () => undefined, { stdout: nothing, stderr: nothing })
  const all = program.commands.flatMap((command) =>
    settingsOf(command)
      .filter(({ form }) => form !== null)
      .map((setting) => ({ setting, command: command.name() })),
  )
  const forms = Map.groupBy(all, ({ setting: { key, form } }) => `${key} ${form}`)
  const rows = [...forms.values()].map((same): [Setting, string] => [
    same[0].setting,
    same.map(({ command }) => command).join(', '),
  ])
  rows.sort(([a], [b]) => (a.key < b.key ? -1 : 1))
  return table(
    ['key in a file', 'variable', 'value', 'commands'],
    rows.map(([{ key, variable, form }, commands]) => [`\`${key}\``, `\`${variable}\``, form ?? '', commands]),
  )
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
