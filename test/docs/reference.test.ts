/** Reference pages follow from the code: `npm run reference` writes them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { PAGES } from '../../scripts/dev/reference/pages.ts'
import { withPart } from '../../scripts/dev/reference/table.ts'
import { eventSchemas } from '../../scripts/operate/event-schema.ts'
import { PACKAGE_ROOT } from '../../scripts/paths.ts'

const read = (path: string) => readFileSync(join(PACKAGE_ROOT, path), 'utf8')

for (const [name, parts] of Object.entries(PAGES)) {
  describe(`docs/reference/${name}`, () => {
    const page = read(`docs/reference/${name}`)
    for (const [part, text] of Object.entries(parts))
      it(`has the ${part} of the code: else npm run reference`, () => assert.equal(withPart(page, part, text()), page))
  })
}

describe('docs/reference/logs-and-metrics.md', () => {
  const page = read('docs/reference/logs-and-metrics.md')

  it('has every event that a peer reports', () => {
    const types = [...read('peers/round/events.ts').matchAll(/\| \{ type: '(\w+)'/g)].map(([, type]) => type)
    assert.ok(types.length > 15)
    assert.deepEqual(
      types.filter((type) => !(type in eventSchemas) || !page.includes(`### \`${type}\``)),
      [],
    )
  })

  it('shows lines of those shapes', () => {
    const shown = [...page.matchAll(/^\{"(?:event|level)".*\}$/gm)].map(([line]) => JSON.parse(line))
    assert.ok(shown.length >= 2)
    for (const { level: _, time: __, ...line } of shown) eventSchemas[line.event as 'invitation'].parse(line)
  })
})
