import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { Level } from '../../../scripts/operate/event-kinds.ts'
import type { EventLine } from '../../../scripts/operate/event-schema.ts'
import { Log } from '../../../scripts/operate/log.ts'
import { CoppiceError } from '../../../src/base/errors.ts'

const directory = mkdtempSync(join(tmpdir(), 'coppice-test-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const WRITING: EventLine = { event: 'writing', out: '/out' }
const NOTE: EventLine = { event: 'note', text: 'prevote' }
const STOPPED: EventLine = { event: 'error', code: 'INTERRUPTED', exit: 130, what: 'stopped by SIGINT', hint: 'again' }
const FULL = '/dev/full'

function logOf(file: string, level: Level = 'info'): { log: Log; failures: string[] } {
  const failures: string[] = []
  return { log: new Log({ file, level }, (reason) => failures.push(reason)), failures }
}

function linesOf(file: string): Array<Record<string, unknown>> {
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
}

describe('a log', () => {
  it('goes on with a file that is there, and has no lines below its level', () => {
    const file = join(directory, 'old.log')
    writeFileSync(file, '{"event":"old"}\n')
    using log = logOf(file).log
    for (const line of [NOTE, WRITING, STOPPED]) log.write(line)
    assert.deepEqual(
      linesOf(file).map(({ level, event }) => [level, event]),
      [
        [undefined, 'old'],
        ['info', 'writing'],
        ['info', 'error'],
      ],
    )
  })

  it('has errors at their level, and in a log of errors nothing else', () => {
    const file = join(directory, 'errors.log')
    using log = logOf(file, 'error').log
    for (const line of [WRITING, STOPPED, { ...STOPPED, code: 'NO_AGREEMENT' }]) log.write(line)
    assert.deepEqual(
      linesOf(file).map(({ level, code }) => [level, code]),
      [['error', 'NO_AGREEMENT']],
    )
  })

  it('begins a new file once its own was moved away, and loses no line', () => {
    const file = join(directory, 'rotated.log')
    using log = logOf(file).log
    log.write({ event: 'writing', out: '1' })
    renameSync(file, `${file}.1`)
    log.write({ event: 'writing', out: '2' })
    log.write({ event: 'writing', out: '3' })
    rmSync(file)
    log.write({ event: 'writing', out: '4' })
    const outs = (path: string) => linesOf(path).map(({ out }) => out)
    assert.deepEqual([outs(`${file}.1`), outs(file)], [['1'], ['4']])
  })

  it('begins at the start of a file that was cut', () => {
    const file = join(directory, 'cut.log')
    using log = logOf(file).log
    log.write(WRITING)
    truncateSync(file)
    log.write(WRITING)
    assert.equal(linesOf(file).length, 1)
  })

  it('leaves out the line of an invitation', () => {
    const file = join(directory, 'secret.log')
    using log = logOf(file).log
    log.write({ event: 'invitation', line: '/ip4/192.0.2.7/tcp/1#offer.secret' })
    const text = readFileSync(file, 'utf8')
    assert.match(text, /"line":"\[redacted\]"/)
    assert.doesNotMatch(text, /192\.0\.2\.7|offer|secret/)
  })

  it('says once that lines are lost, and stops nothing', (context) => {
    if (!existsSync(FULL)) return context.skip(`${FULL} is not here`)
    const { log, failures } = logOf(FULL)
    for (let i = 0; i < 3; i++) log.write(WRITING)
    assert.deepEqual(failures, ['/dev/full cannot be written (ENOSPC)'])
  })

  it('says so where its directory is gone', () => {
    const folder = mkdtempSync(join(directory, 'gone-'))
    const { log, failures } = logOf(join(folder, 'log'))
    rmSync(folder, { recursive: true })
    log.write(WRITING)
    assert.equal(failures.length, 1)
    assert.match(failures[0], /cannot be written \(ENOENT\)$/)
    log[Symbol.dispose]()
  })

  it('refuses a place where nothing can be written', () => {
    for (const file of [directory, join(directory, 'nowhere', 'log')])
      assert.throws(
        () => logOf(file),
        (error) => error instanceof CoppiceError && error.code === 'OUTPUT_UNWRITABLE',
      )
  })
})
