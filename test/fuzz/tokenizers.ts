/** Hostile tokenizer.json: mutations of small tokenizers of every form, which are opened and given texts. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TokenizerProcess } from '../../src/model/text/tokenizer.ts'
import { definitionOf, directoryOf, EXPECTED, TEXTS } from '../support/models/opened-tokenizers.ts'
import { type Chance, type Fuzz, type FuzzCounts, fuzz, type Mutation, mutateJson } from './frame.ts'

/** More than the small tokenizers have tokens: what mutations number higher has no row. */
const ROWS = 1200
/** On these patterns a search goes back and forth for as long as it may, or nearly so. */
const SLOW_PATTERNS = ['(a+)+$', '(a|aa)+c', '(?:.*a){12}b', '(x+x+)+y', 'a*c', '\\s*\\s*\\s*$', '(?<=a+)b', '']
const SLOW_TEXT = `${'a'.repeat(200)}b`
/** Longer than what they replace; the longest is too long. */
const LONG_CONTENTS = ['aa', 'a'.repeat(100), ' '.repeat(2000), '\u0000', '\u0301'.repeat(60)]

export async function fuzzTokenizers(options: Pick<Fuzz, 'seed' | 'count' | 'from'>): Promise<FuzzCounts> {
  const tokenizers = new TokenizerProcess()
  const scratch = mkdtempSync(join(tmpdir(), 'coppice-fuzz-'))
  const names = Object.keys(EXPECTED)
  try {
    // The time that the first process takes to start is no attempt's.
    await tokenizers.open(directoryOf(scratch, definitionOf(names[0])))
    return await fuzz({
      ...options,
      async attempt(chance, tell) {
        const { what, content } = hostile(chance, names)
        tell(what)
        await using tokenizer = await tokenizers.open(directoryOf(scratch, content), ROWS)
        const ids = await tokenizer.encode([
          '',
          chance.of(TEXTS),
          chance.of(TEXTS),
          chance.of([SLOW_TEXT, chance.of(TEXTS)]),
        ])
        tokenizer.assertInEmbedding(ids, 'the text')
        const wrong = ids.find((id) => id < 0 || id >= ROWS)
        if (wrong !== undefined) throw new RangeError(`${wrong} is no token id`)
      },
    })
  } finally {
    tokenizers.close()
    rmSync(scratch, { recursive: true })
  }
}

/** Mutated anywhere, or put together of several, which the library takes more often. */
function hostile(chance: Chance, names: readonly string[]): Mutation<string> {
  const name = chance.of(names)
  const definition = slowed(chance, definitionOf(name))
  if (chance.below(2) === 0) {
    const { what, content } = mutateJson(chance, JSON.stringify(definition))
    return { what: `${name}: ${what}`, content }
  }
  const sections = ['normalizer', 'pre_tokenizer', 'post_processor', 'model', 'added_tokens'] as const
  const told = sections.flatMap((section) => {
    if (chance.below(2) === 0) return []
    const other = chance.of(names)
    definition[section] = definitionOf(other)[section]
    return `${section} of ${other}`
  })
  return { what: `${name}: ${told.join(', ')}`, content: JSON.stringify(definition) }
}

/** Now and then with a replacement in front of everything that is slow, or makes the text longer. */
function slowed(chance: Chance, definition: Record<string, unknown>): Record<string, unknown> {
  if (chance.below(12) > 0) return definition
  const replace = { type: 'Replace', pattern: { Regex: chance.of(SLOW_PATTERNS) }, content: chance.of(LONG_CONTENTS) }
  const parts = [replace, ...(definition.normalizer ? [definition.normalizer] : [])]
  return { ...definition, normalizer: { type: 'Sequence', normalizers: parts } }
}
