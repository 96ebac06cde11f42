import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InterruptedError } from '../../../scripts/terminal/interruption.ts'
import { Terminal } from '../../../scripts/terminal/terminal.ts'
import { Person } from '../../support/person.ts'

const QUESTION = { text: 'Sign?', yes: 'Yes', no: 'No' }
const never = new AbortController().signal

function terminalOf(person: Person, interrupt?: () => void): Terminal {
  return new Terminal({
    stdout: person.screen,
    stderr: person.screen,
    stdin: () => person.keyboard,
    json: false,
    interrupt,
  })
}

for (const [keys, answer] of [
  ['y', true],
  ['n', false],
  ['\r', false],
  ['\x1b[D\r', true], // to the left, where Yes is
] as const) {
  test(`${JSON.stringify(keys)} answers ${answer ? 'yes' : 'no'}`, async () => {
    const person = new Person([[/Sign\?/, keys]])
    assert.equal(await terminalOf(person).ask(QUESTION, never), answer)
    assert.equal(person.keyboard.isRaw, false)
  })
}

for (const key of ['\x03', '\x04', '\x1b']) {
  test(`${JSON.stringify(key)} at a question is Ctrl-C`, async () => {
    let interrupted = 0
    const person = new Person([[/Sign\?/, key]])
    const terminal = terminalOf(person, () => interrupted++)
    await assert.rejects(terminal.ask(QUESTION, never), InterruptedError)
    assert.equal(interrupted, 1)
    assert.equal(person.keyboard.isRaw, false)
  })
}

test('keys that were pressed before the question do not answer it', async () => {
  const person = new Person([[/Sign\?/, 'n']])
  person.keyboard.write('y\r')
  assert.equal(await terminalOf(person).ask(QUESTION, never), false)
})

test('a keyboard that goes away answers nothing', async () => {
  const person = new Person([])
  const asking = terminalOf(person).ask(QUESTION, never)
  person.keyboard.end()
  await assert.rejects(asking, InterruptedError)
})

test('a question that is taken back ends with why, and what was said meanwhile comes after it', async () => {
  const person = new Person([])
  const stop = new AbortController()
  const terminal = terminalOf(person)
  const asking = terminal.ask(QUESTION, stop.signal)
  await person.sees(/Sign\?/)
  terminal.note('North has signed.')
  terminal.say('a result')
  terminal.progress('working')
  assert.doesNotMatch(person.screen.text, /has signed|a result|working/)
  stop.abort(new Error('South said no'))
  await assert.rejects(asking, /South said no/)
  assert.match(person.screen.text, /North has signed\.\na result\n$/)
})

test('nobody can be asked where keyboard or screen is no terminal', () => {
  const person = new Person([])
  assert.ok(terminalOf(person).canAsk)
  person.screen.isTTY = false
  assert.ok(!terminalOf(person).canAsk)
  person.screen.isTTY = true
  person.keyboard.isTTY = false
  assert.ok(!terminalOf(person).canAsk)
  assert.ok(!new Terminal({ stdout: person.screen, stderr: person.screen, json: false }).canAsk)
})
