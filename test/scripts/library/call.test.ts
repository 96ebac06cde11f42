import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type CoppiceError, type CoppiceEvent, evaluate, found, prune, verify } from '../../../scripts/library/index.ts'
import { ToldTerminal } from '../../../scripts/library/told-terminal.ts'
import { fixturePath } from '../../support/shared.ts'

const MODEL = fixturePath('stories260k')

describe('a call of the library', () => {
  for (const [id, refused, code] of [
    [
      'a value that is none',
      () => prune({ pruner: 'wanda', sparsity: 1.5, text: ['a.txt'], out: 'nowhere' }),
      'USAGE_VALUE',
    ],
    ['an option that is missing', () => prune({ pruner: 'wanda', text: ['a.txt'], out: 'nowhere' }), 'USAGE_MISSING'],
    ['an option that there is not', () => evaluate({ model: MODEL, text: ['a'], ...{ sparsty: 1 } }), 'USAGE'],
    ['an argument that is missing', () => verify({ ...{ directory: undefined as unknown as string } }), 'USAGE'],
  ] as const) {
    it(`rejects with the code of the command: ${id}`, async () => {
      await assert.rejects(refused(), (error: CoppiceError) => {
        assert.equal(error.code, code)
        assert.match(error.hint, /\S/)
        return true
      })
    })
  }

  it('tells events, writes nothing itself, and leaves the signals of the process alone', async (context) => {
    const writes = [process.stdout, process.stderr].map((stream) => context.mock.method(stream, 'write'))
    const listeners = process.listenerCount('SIGINT')
    const events: CoppiceEvent[] = []
    const onEvent = (event: CoppiceEvent) => {
      events.push(event)
      assert.equal(process.listenerCount('SIGINT'), listeners)
    }
    await assert.rejects(evaluate({ model: MODEL, text: ['/nowhere.txt'] }, { onEvent }), { code: 'TEXT_MISSING' })
    assert.deepEqual(events[0], { type: 'progress', text: 'Reading the model', share: null, secondsLeft: null })
    // The runner of this test writes as well.
    const written = writes.flatMap(({ mock }) => mock.calls.map(({ arguments: [text] }) => String(text))).join('')
    assert.doesNotMatch(written, /Reading the model|TEXT_MISSING|nowhere/)
  })

  it('rejects with the reason of its signal, before the work and within it', async () => {
    const reason = new Error('enough')
    const request = { model: MODEL, text: ['/nowhere.txt'] }
    await assert.rejects(evaluate(request, { signal: AbortSignal.abort(reason) }), reason)
    const stop = new AbortController()
    const onEvent = () => stop.abort(reason)
    await assert.rejects(evaluate(request, { signal: stop.signal, onEvent }), reason)
  })

  it('refuses a site that nobody answers for', async () => {
    const context = { agree: undefined as unknown as true }
    await assert.rejects(found({ members: 2, text: ['a.txt'] }, context), { code: 'USAGE_MISSING' })
  })
})

describe('the terminal of a call', () => {
  const never = new AbortController().signal

  it('asks with everything that was shown since the last question', async () => {
    const asked: object[] = []
    const terminal = new ToldTerminal(
      () => undefined,
      (question) => asked.push(question) === 1,
    )
    terminal.note('the plan')
    terminal.say('what leaves')
    assert.equal(await terminal.ask({ text: 'Take part?', yes: 'Yes', no: 'No' }, never), true)
    terminal.note('the members')
    assert.equal(await terminal.ask({ text: 'Sign?', yes: 'Yes', no: 'No' }, never), false)
    assert.deepEqual(asked, [
      { text: 'Take part?', shown: ['the plan', 'what leaves'] },
      { text: 'Sign?', shown: ['the members'] },
    ])
  })

  it('waits no longer for an answer that is not needed any more', async () => {
    const stop = new AbortController()
    const terminal = new ToldTerminal(
      () => undefined,
      () => new Promise(() => stop.abort(new Error('too late'))),
    )
    await assert.rejects(terminal.ask({ text: 'Sign?', yes: 'Yes', no: 'No' }, stop.signal), { message: 'too late' })
  })
})
