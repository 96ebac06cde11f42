import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Terminal } from '../../../scripts/terminal/terminal.ts'
import { Recorder } from '../../support/command-line.ts'

/** A terminal whose clock stands still unless it is moved. */
function terminal({ json = false, tty = false, columns = 80 } = {}) {
  const time = { now: 0 }
  const stdout = new Recorder(tty)
  const stderr = new Recorder(tty, columns)
  return { time, stdout, stderr, terminal: new Terminal({ stdout, stderr, json, now: () => time.now }) }
}

describe('a terminal', () => {
  it('prints results on stdout and progress on stderr', () => {
    const { terminal: it, stdout, stderr } = terminal()
    it.say('result')
    it.note('note')
    it.result({ a: 1 })
    assert.deepEqual([stdout.text, stderr.text], ['result\n', 'note\n'])
  })

  it('leaves stdout to one object under --json', () => {
    const { terminal: it, stdout, stderr } = terminal({ json: true })
    it.say('result')
    it.progress('working', 1, 2)
    it.result({ a: [1] })
    assert.equal(stdout.text, '{"a":[1]}\n')
    assert.equal(stderr.text, 'result\nworking: 1 of 2\n')
  })

  it('writes plain lines of progress now and then where nobody watches', () => {
    const { terminal: it, stderr, time } = terminal()
    it.progress('pruning', 1, 9)
    it.progress('pruning', 2, 9)
    time.now = 5000
    it.progress('pruning', 3, 9)
    it.progress('pruning', 9, 9)
    it.progress('writing') // too soon for what cannot be counted
    time.now = 10_000
    it.progress('writing')
    assert.equal(stderr.text, 'pruning: 1 of 9\npruning: 3 of 9\npruning: 9 of 9\nwriting\n')
  })

  it('writes the first step that is done however soon it comes, where nobody watches', () => {
    const { terminal: it, stderr, time } = terminal()
    time.now = 5000
    it.progress('pruning')
    it.progress('pruning', 0, 9)
    it.progress('pruning', 1, 9)
    it.progress('pruning', 2, 9) // too soon
    assert.equal(stderr.text, 'pruning\npruning: 0 of 9\npruning: 1 of 9\n')
  })

  it('leaves a refusal that comes at once alone where nobody watches', () => {
    const { terminal: it, stderr, time } = terminal()
    it.progress('reading')
    time.now = 4999
    it.progress('hashing')
    assert.equal(stderr.text, '')
  })

  it('redraws one line on a terminal, and wipes it before anything else', () => {
    const { terminal: it, stdout, stderr, time } = terminal({ tty: true })
    it.progress('pruning', 1, 2)
    time.now = 50
    it.progress('pruning', 1, 2) // too soon
    time.now = 100
    it.progress('pruning', 2, 2)
    it.say('done')
    const bars = [`[${'='.repeat(12)}${' '.repeat(12)}] 50 %`, `[${'='.repeat(24)}] 100 %`]
    assert.equal(stderr.text, `pruning ${bars[0]}\r\x1b[Kpruning ${bars[1]}\r\x1b[K`)
    assert.equal(stdout.text, 'done\n')
  })

  it('never draws beyond the width of a terminal', () => {
    const { terminal: it, stderr } = terminal({ tty: true, columns: 10 })
    it.progress('a very long label', 1, 2)
    assert.equal(stderr.text.length, 9)
  })
})
