import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CommanderError } from 'commander'
import { tellEnding } from '../../../scripts/program.ts'
import { InterruptedError } from '../../../scripts/terminal/interruption.ts'
import { endingOf } from '../../../scripts/terminal/refusal.ts'
import { EXIT, InputError, OutputError } from '../../../src/base/errors.ts'
import { Recorder } from '../../support/command-line.ts'

const refusal = { code: 'X_SHORT', what: 'what, where', hint: 'What to do.' }

/** The lines that are written where it ends so. */
function told(error: unknown, json: boolean) {
  const [stdout, stderr] = [new Recorder(), new Recorder()]
  const exit = tellEnding(error, json, { stdout, stderr })
  return { exit, stdout: stdout.text, stderr: stderr.text }
}

describe('the end of a command', () => {
  it('is two lines, the code at the end of the first, and the exit code of a refusal', () => {
    const stderr = 'coppice: what, where (X_SHORT)\nWhat to do.\n'
    assert.deepEqual(told(new InputError(refusal), false), { exit: 3, stdout: '', stderr })
    assert.equal(endingOf(new OutputError(refusal)).exit, EXIT.output)
  })

  it('is two lines whatever the names in a file are', () => {
    const { text } = endingOf(new InputError({ ...refusal, what: 'tensor "a\nb\u001b[31m\r\u2028c" is odd\n' }))
    assert.equal(text, 'coppice: tensor "a b [31m c" is odd (X_SHORT)\nWhat to do.\n')
    assert.ok(endingOf(new InputError({ ...refusal, what: 'x'.repeat(1e6) })).text.length < 3000)
  })

  it('is an object on stdout as well with --json', () => {
    const stdout = '{"error":{"code":"X_SHORT","exit":3,"what":"what, where","hint":"What to do."}}\n'
    const stderr = 'coppice: what, where (X_SHORT)\nWhat to do.\n'
    assert.deepEqual(told(new InputError(refusal), true), { exit: 3, stdout, stderr })
  })

  it('stays two lines if texts of others have line ends', () => {
    const { text, report } = endingOf(new InputError({ code: 'X', what: 'it said\r\n  no\n', hint: 'Do\nthis.' }))
    assert.equal(text, 'coppice: it said no (X)\nDo this.\n')
    assert.deepEqual(report, { code: 'X', exit: 3, what: 'it said no', hint: 'Do this.' })
  })

  it('says of an interruption by which signal, and how to go on', () => {
    const { exit, stdout, stderr } = told(new InterruptedError('SIGTERM').withHint('Some is kept.'), true)
    assert.equal(exit, 143)
    assert.equal(stderr, 'Stopped. Some is kept.\n')
    assert.deepEqual(JSON.parse(stdout), {
      error: { code: 'INTERRUPTED', exit: 143, what: 'stopped by SIGTERM', hint: 'Some is kept.' },
    })
    assert.match(new InterruptedError('SIGINT').hint, /./)
  })

  it('is a stack trace for a bug, with what caused it, and its name alone for programs', () => {
    const { exit, stdout, stderr } = told(new TypeError('oops', { cause: new RangeError('deeper') }), true)
    assert.equal(exit, 1)
    assert.match(stderr, /^coppice: a bug, please report it \(BUG\)\n/)
    assert.match(stderr, /TypeError: oops\n {4}at /)
    assert.match(stderr, /Caused by: RangeError: deeper/)
    const { error } = JSON.parse(stdout)
    assert.deepEqual([error.code, error.exit, error.what], ['BUG', 1, 'TypeError: oops'])
  })

  it('is a bug for a thrown value that is no error', () => {
    assert.equal(endingOf('text').text, 'coppice: a bug, please report it (BUG)\ntext\n')
  })

  it('is nothing where help was shown', () => {
    const shown = new CommanderError(0, 'commander.helpDisplayed', '(outputHelp)')
    assert.deepEqual(told(shown, true), { exit: 0, stdout: '', stderr: '' })
  })
})
