/** A command with a model of a hub, stopped and begun again. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import { PACKAGE_ROOT } from '../../../scripts/paths.ts'
import { coppice } from '../../support/command-line.ts'
import { COMMIT, REPOSITORY, smallModel, TestHub } from '../../support/hub/test-hub.ts'

const NAME = `hf:${REPOSITORY}`
const GRAPH = 'onnx/model.onnx'
const directory = mkdtempSync(join(tmpdir(), 'coppice-test-'))
const variables = { HF_HUB_CACHE: join(directory, 'hub'), HF_TOKEN: 'hf_verysecrettoken' }
let hub: TestHub

before(async () => {
  hub = await TestHub.start()
  Object.assign(process.env, variables, { HF_ENDPOINT: hub.address })
})
after(async () => {
  await hub[Symbol.asyncDispose]()
  rmSync(directory, { recursive: true, force: true })
})

describe('a command with a model of a hub', () => {
  it('stopped by Ctrl-C says what is kept, and the same command goes on from there', async () => {
    const graph = smallModel().get(GRAPH) as Buffer
    const begun = Promise.withResolvers<void>()
    hub.answer = ({ isStore }, response) => {
      if (!isStore) return false
      response.writeHead(200, { 'content-length': graph.length })
      return response.write(graph.subarray(0, 2 ** 20), () => begun.resolve()) || true
    }
    const command = [join(PACKAGE_ROOT, 'bin/coppice.js'), 'inspect', '--json', '--model', NAME]
    const first = spawn(process.execPath, command)
    const ended = once(first, 'close')
    const [stdout, stderr] = [text(first.stdout), text(first.stderr)]
    await begun.promise
    first.kill('SIGINT')
    assert.deepEqual(await ended, [130, null])
    assert.match(await stderr, /^Stopped\. Kept: \d+ % of clinic\/small, in the cache\. To go on: the same command\.$/m)
    assert.equal(JSON.parse(await stdout).error.code, 'INTERRUPTED')
    hub.answer = () => false
    const second = spawn(process.execPath, command)
    const done = once(second, 'close')
    const [report, said] = [text(second.stdout), text(second.stderr)]
    assert.deepEqual(await done, [0, null])
    assert.equal(JSON.parse(await report).blocks, 5)
    assert.match(await said, new RegExp(`^Model ${NAME}@${COMMIT}, in `, 'm'))
    assert.ok(![await stdout, await stderr, await report, await said].some((each) => each.includes('verysecret')))
  })

  it('refuses its other options before anything is fetched', async () => {
    const asked = hub.asked.length
    const { exit, stderr } = await coppice('prune', '--model', NAME, '--text', 'words.txt', '--pruner', 'wanda')
    assert.equal(exit, 2)
    assert.match(stderr, /USAGE_MISSING/)
    assert.equal(hub.asked.length, asked)
  })
})
