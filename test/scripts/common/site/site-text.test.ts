import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { KEPT_OUT, siteText } from '../../../../scripts/common/site/site-text.ts'
import { Meter } from '../../../../scripts/progress/meter.ts'
import { Terminal } from '../../../../scripts/terminal/terminal.ts'
import { openEngine } from '../../../../src/jobs/open-engine.ts'
import { fixturePath } from '../../../support/shared.ts'
import { siteText as writeSiteText } from '../../../support/sites.ts'

const directory = mkdtempSync(join(tmpdir(), 'coppice-test-'))
const engine = openEngine()
const terminal = Terminal.silent()
const work = { engine, terminal, meter: new Meter(terminal.work), signal: new AbortController().signal }
after(async () => {
  await engine.close()
  rmSync(directory, { recursive: true, force: true })
})

const model = fixturePath('stories260k')
const text = writeSiteText(directory, 0)
const evaluation = { files: [], tokens: undefined, window: undefined, alone: false }
const options = { model, texts: [text], separator: undefined, evaluation }
const wanted = (windows: number) => ({ windows, window: 64, limits: { maxWindow: 512, fixedWindow: undefined } })

describe('the text of a site', async () => {
  const all = (await siteText(work, { ...options, evaluation: null }, wanted(1))).calibration
  const job = { dir: model, source: { name: 'x', files: [text] }, separator: undefined, window: undefined }
  const whole = (await engine.run('tokenise', job)).windows.ids
  const count = Math.floor(whole.length / 64)

  it('is calibrated on from its beginning, and its last windows are kept out: a tenth as many, at least one', async () => {
    for (const [windows, kept] of [
      [1, 1],
      [20, 2],
      [count - 2, Math.floor((count - 2) / 10)],
    ]) {
      if (windows + kept > count) continue
      const { calibration, evaluated } = await siteText(work, options, wanted(windows))
      assert.deepEqual([...calibration.ids], [...whole.subarray(0, windows * 64)], `${windows}`)
      assert.deepEqual(
        evaluated.map(({ name }) => name),
        [KEPT_OUT],
      )
      const [{ windows: measured }] = evaluated
      assert.equal(measured.count, kept)
      assert.deepEqual([...measured.ids], [...whole.subarray((count - kept) * 64, count * 64)], `${windows}`)
    }
  })

  it('is evaluated in windows of another length where these are asked for', async () => {
    const own = { ...options, evaluation: { ...evaluation, window: 32, tokens: 100 } }
    const [{ windows }] = (await siteText(work, own, wanted(20))).evaluated
    assert.deepEqual([windows.count, windows.length], [3, 32])
  })

  it('is refused where nothing is left to keep out, unless nothing is or another text is measured on', async () => {
    await assert.rejects(siteText(work, options, wanted(count)), {
      code: 'TEXT_SHORT',
      message: new RegExp(
        `has ${count} windows of 64; ${count + Math.floor(count / 10)} are needed: ${count} to calibrate`,
      ),
    })
    const none = await siteText(work, { ...options, evaluation: null }, wanted(count))
    assert.deepEqual([none.calibration.count, none.evaluated], [count, []])
    const other = join(directory, 'other.txt')
    writeFileSync(other, 'Another text to measure on. '.repeat(40))
    const elsewhere = { ...options, evaluation: { ...evaluation, files: [other] } }
    const { calibration, evaluated } = await siteText(work, elsewhere, wanted(count))
    assert.deepEqual([calibration.count, evaluated[0].name], [count, 'other.txt'])
  })

  it('is refused as ever where it is too short to calibrate on', async () => {
    await assert.rejects(siteText(work, options, wanted(count + 1)), { code: 'TEXT_SHORT', message: /tokens/ })
  })

  it('is a sentence that says nothing of the site where there is none, and nothing is measured', async () => {
    const { evaluated, calibration } = await siteText(work, { ...options, texts: [] }, wanted(4))
    assert.deepEqual([evaluated, calibration.count], [[], 1])
  })

  it('does not change the calibration text of a site', () => assert.deepEqual([...all.ids], [...whole.subarray(0, 64)]))
})
