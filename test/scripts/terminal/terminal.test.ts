import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LOG_MS } from '../../../scripts/terminal/progress-line.ts'
import { Terminal } from '../../../scripts/terminal/terminal.ts'
import { Recorder } from '../../support/command-line.ts'

const WIPE = '\r\x1b[K'

/** A terminal whose clock stands still unless it is moved, and with it the timer that redraws. */
function terminal({ json = false, tty = false, columns = 80 } = {}) {
  const time = { now: 0 }
  const stdout = new Recorder(tty, columns)
  const stderr = new Recorder(tty, columns)
  let tick = () => undefined as unknown
  const every = (_: number, call: () => void) => {
    tick = call
    return { stop: () => (tick = () => undefined) }
  }
  const it = new Terminal({ stdout, stderr, json, now: () => time.now, every })
  return { time, stdout, stderr, terminal: it, tick: () => tick() }
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
    it.stage('working')
    it.result({ a: [1] })
    assert.equal(stdout.text, '{"a":[1]}\n')
    assert.equal(stderr.text, 'result\nworking\n')
  })

  it('writes plain lines of progress now and then where nobody watches', () => {
    const { terminal: it, stderr, time, tick } = terminal()
    it.progress('reading')
    it.stage('pruning') // of few things a log has a line at once, and another of the first step
    it.progress('opening')
    it.step('block 2')
    it.step('block 3')
    time.now = LOG_MS
    it.progress('block 4')
    it.progress('block 5')
    time.now = 2 * LOG_MS
    tick() // although nothing has happened
    assert.equal(stderr.text, 'pruning\nblock 2\nblock 4\nblock 5\n')
  })

  it('leaves a refusal that comes at once alone where nobody watches', () => {
    const { terminal: it, stderr, time } = terminal()
    it.progress('reading')
    time.now = 4999
    it.progress('hashing')
    assert.equal(stderr.text, '')
  })

  it('redraws one line on a terminal, and keeps it below everything else', () => {
    const { terminal: it, stderr, tick } = terminal({ tty: true })
    it.progress('block 1')
    it.progress('block 2')
    it.note('a word')
    tick()
    it.clear()
    tick()
    assert.equal(stderr.text, `block 1${WIPE}block 2${WIPE}a word\nblock 2${WIPE}block 2${WIPE}`)
  })

  it('has the forecast behind the work, and none behind a wait', () => {
    const { terminal: it, stderr, time, tick } = terminal({ tty: true })
    it.work.expect([{ kind: 'prune', cost: 10 }])
    const piece = it.work.begin({ kind: 'prune', cost: 10 })
    it.progress('Pruning')
    time.now = 10_000
    piece.reach(0.1)
    tick()
    time.now = 11_000
    tick()
    it.waiting(() => `Waiting at ${time.now}`)
    assert.deepEqual(stderr.text.split(WIPE), [
      'Pruning',
      'Pruning · 10 % · 1 min 20 s left',
      'Pruning · 11 % · 1 min 20 s left',
      'Waiting at 11000',
    ])
  })

  it('leaves words out where the line is longer than the terminal is wide', () => {
    const { terminal: it, stderr } = terminal({ tty: true, columns: 16 })
    it.progress('a very long label')
    assert.equal(stderr.text, 'a very long ...')
  })

  it('breaks prose at words on a terminal, and nowhere else', () => {
    const watched = terminal({ tty: true, columns: 20 })
    watched.terminal.say('one two three four five six')
    assert.equal(watched.stdout.text, 'one two three four\nfive six\n')
    const kept = terminal({ columns: 20 })
    kept.terminal.say('one two three four five six')
    assert.equal(kept.stdout.text, 'one two three four five six\n')
  })
})
