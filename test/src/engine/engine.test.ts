import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Engine } from '../../../src/engine/engine.ts'

interface Told {
  name: string
  args: { n: number }
  settings: { threads: number; other: string }
}
type Job = { args: { n: number }; result: Told }

test('an engine hands any job to the program that it was given, which it tells its settings, exact work one thread', async () => {
  const settings = { threads: 2, other: 'all workers' }
  await using engine = new Engine<{ weigh: Job; add: Job }, string>({
    ...{ program: new URL('./telling-worker.ts', import.meta.url), settings },
    lanes: { weigh: 'reading', add: 'exact' },
  })
  const events: string[] = []
  const onEvent = (event: string) => events.push(event)
  const [weighed, added] = await Promise.all([
    engine.run('weigh', { n: 1 }, { onEvent }),
    engine.run('add', { n: 2 }, { onEvent }),
  ])
  assert.deepEqual(weighed, { name: 'weigh', args: { n: 1 }, settings })
  assert.deepEqual(added, { name: 'add', args: { n: 2 }, settings: { ...settings, threads: 1 } })
  assert.deepEqual(events, ['begun', 'begun'])
})
