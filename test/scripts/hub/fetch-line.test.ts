import assert from 'node:assert/strict'
import { it } from 'node:test'
import { FetchLine } from '../../../scripts/hub/fetch-line.ts'
import { Terminal } from '../../../scripts/terminal/terminal.ts'
import { Recorder } from '../../support/command-line.ts'

it('the line of a download tells the file and how much is here, that of an earlier run included', () => {
  const stderr = new Recorder(true, 120)
  const terminal = new Terminal({ stdout: new Recorder(), stderr, json: false, every: () => ({ stop() {} }) })
  const line = new FetchLine(terminal, 'clinic/small', 1000, 250)
  line.begins('onnx/model.onnx')
  line.adds(250)
  assert.equal(line.share, 0.5)
  line.adds(-500)
  line.adds(1000)
  terminal.clear()
  const amounts = [...stderr.text.matchAll(/Fetching clinic\/small · onnx\/model\.onnx · (.*?) of 1 kB/g)]
  assert.deepEqual(
    amounts.map((match) => match[1]),
    ['250 B', '500 B', '0 B', '1 kB'],
  )
})
