/** Options that `shrink` and `structures` share. */
import { Option } from 'commander'
import type { GroupQueries } from '../../src/structure/find/walk.ts'
import { oneOf } from './values.ts'

/** The first one is the default. */
export const GROUP_QUERIES = ['kv', 'query'] as const satisfies GroupQueries[]

export function groupQueriesOption(): Option {
  return new Option(
    '--group-queries <what>',
    `the unit where queries share keys: ${GROUP_QUERIES[0]} (keys and values with all their queries) or ` +
      `${GROUP_QUERIES[1]} (single queries, the same number in each group); default: ${GROUP_QUERIES[0]}`,
  ).argParser(oneOf('--group-queries', GROUP_QUERIES))
}
