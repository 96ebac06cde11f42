import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'

/** The rooms of the sources that the merge executes. */
const ROOMS = ['merge', 'prune/masks']
const SOURCES = new URL('../../../src/', import.meta.url)
/** Exact, or correctly rounded by the standard; others may differ between engines. */
const EXACT = new Set(['abs', 'ceil', 'clz32', 'floor', 'fround', 'imul', 'max', 'min', 'sqrt', 'trunc'])

describe('the sources of the merge', () => {
  it('use only arithmetic that gives the same bits on every machine, no clock and no chance', () => {
    const files = ROOMS.flatMap((room) =>
      readdirSync(new URL(room, SOURCES), { recursive: true, encoding: 'utf8' }).map((name) => `${room}/${name}`),
    ).filter((name) => name.endsWith('.ts'))
    assert.ok(files.length > 15)
    for (const file of files) {
      const code = readFileSync(new URL(file, SOURCES), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
      for (const [, name] of code.matchAll(/\bMath\s*(?:\.|\[)\s*['"]?(\w+)/g)) {
        assert.ok(EXACT.has(name), `${file} uses Math.${name}`)
      }
      const powers = code.match(/[\w)\]]+\s*\*\*=?\s*[\w(]+/g)?.filter((power) => power !== '2 ** 32') ?? []
      assert.deepEqual(powers, [], `${file} raises to a power`)
      assert.doesNotMatch(code, /\b(Date|performance|setTimeout|process|random|randomBytes)\b/, file)
      assert.doesNotMatch(
        code,
        /\bnew (Map|Set)\b|\bfor \(const \w+ in /,
        `${file} may iterate in an order that is no data order`,
      )
    }
  })
})
