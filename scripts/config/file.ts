/** The file of --config: one JSON object whose keys are the names of options, without their dashes. */
import { readFileSync } from 'node:fs'
import { UsageError } from '../../src/base/errors.ts'
import { systemCode } from '../../src/base/system-errors.ts'

/** Its values by key. @throws {UsageError} CONFIG_UNREADABLE, CONFIG_MALFORMED */
export function readConfigFile(path: string): Map<string, unknown> {
  const value = parsed(path, textOf(path))
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(path, 'is no JSON object')
  return new Map(Object.entries(value))
}

function textOf(path: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
  } catch (error) {
    if (error instanceof TypeError) throw malformed(path, 'is not UTF-8')
    throw new UsageError({
      code: 'CONFIG_UNREADABLE',
      what: `the configuration ${path} cannot be read (${systemCode(error) ?? String(error)})`,
      hint: 'Give --config, or COPPICE_CONFIG, a file that exists and that this user may read.',
      cause: error,
    })
  }
}

/** The parser's own message quotes the file, which may hold an invitation: only the place is taken from it. */
function parsed(path: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const place = /\(line \d+ column \d+\)/.exec(String(error))?.[0]
    throw malformed(path, `is no valid JSON${place === undefined ? '' : ` ${place}`}`)
  }
}

function malformed(path: string, fault: string): UsageError {
  return new UsageError({
    code: 'CONFIG_MALFORMED',
    what: `the configuration ${path} ${fault}`,
    hint: 'It is one JSON object, such as {"model": "base", "text": ["mine.txt"], "yes": true}.',
  })
}
