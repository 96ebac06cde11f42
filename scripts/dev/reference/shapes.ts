/** Shapes of JSON in words: each field of a zod schema with its type and its meaning. */
import { z } from 'zod'
import { table } from './table.ts'

/** The parts of a JSON schema that our schemas make. */
interface Shape {
  type?: string | string[]
  const?: unknown
  enum?: unknown[]
  anyOf?: Shape[]
  pattern?: string
  format?: string
  description?: string
  properties?: Record<string, Shape>
  required?: string[]
  items?: Shape
  prefixItems?: Shape[]
}

/**
 * The fields of an object and of all objects in it, as a table.
 * @param hidden - paths of fields that are told elsewhere
 */
export function fieldTable(schema: z.ZodType, hidden = /^$/): string {
  const rows = rowsOf(z.toJSONSchema(schema) as Shape, '').filter(([path]) => !hidden.test(path))
  const code = rows.map(([path, type, meaning]) => [`\`${path}\``, type, meaning])
  return code.length === 0 ? 'No other fields.' : table(['field', 'type', 'meaning'], code)
}

type Row = [path: string, type: string, meaning: string]

function rowsOf({ properties = {}, required = [] }: Shape, prefix: string): Row[] {
  return Object.entries(properties).flatMap(([name, shape]) => {
    const path = `${prefix}${name}`
    const inner = innerOf(shape)
    const type = `${typeOf(shape)}${required.includes(name) ? '' : ', may be absent'}`
    const isList = (nullable(shape) ?? shape).type === 'array'
    const below = inner === null ? [] : rowsOf(inner, `${path}${isList ? '[]' : ''}.`)
    return [[path, type, shape.description ?? ''] as Row, ...below]
  })
}

/** The object whose fields follow: the shape itself, or what a list holds. */
function innerOf(shape: Shape): Shape | null {
  const { items, properties } = nullable(shape) ?? shape
  if (properties !== undefined) return nullable(shape) ?? shape
  return items?.properties === undefined ? null : items
}

/** The other choice, where null is one of two. */
function nullable({ anyOf }: Shape): Shape | null {
  return anyOf?.length === 2 && anyOf[1].type === 'null' ? anyOf[0] : null
}

function typeOf(shape: Shape): string {
  const other = nullable(shape)
  if (other !== null) return `${typeOf(other)}, or null`
  if (shape.enum !== undefined) return shape.enum.map((value) => `\`${value}\``).join(', ')
  if (shape.format === 'date-time') return 'time, ISO 8601'
  if (shape.pattern === '^[0-9a-f]{64}$') return 'string of 64 hexadecimal digits'
  if (shape.prefixItems !== undefined) return `list of ${shape.prefixItems.length}: ${typeOf(shape.prefixItems[0])}`
  if (shape.items !== undefined) return `list: ${typeOf(shape.items)}`
  if (shape.type === 'integer') return 'whole number'
  return [shape.type ?? 'any'].flat().join(', or ')
}
