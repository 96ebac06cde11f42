import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { askPeer, SOCKET_FILE, StatusSocket, socketAddress } from '../../../peers/status/socket.ts'
import { temporaryDirectory } from '../../support/nodes.ts'

async function open(context: TestContext, data: string): Promise<StatusSocket> {
  const socket = await StatusSocket.open(data, (question) => ({ question }))
  assert.ok(socket)
  context.after(() => socket[Symbol.asyncDispose]())
  return socket
}

/** All that comes back for these bytes until the other end closes. */
function answerTo(data: string, bytes: string): Promise<string> {
  const socket = createConnection(socketAddress(data))
  let answer = ''
  socket.on('data', (chunk) => (answer += chunk))
  socket.on('error', () => undefined) // it was cut off
  socket.write(bytes)
  return new Promise((resolve) => socket.on('close', () => resolve(answer)))
}

describe('the socket of a running peer', () => {
  it('answers what is asked, to its owner alone', async (context) => {
    const data = await temporaryDirectory(context)
    await open(context, data)
    assert.deepEqual(await askPeer(data, 'status'), { question: 'status' })
    assert.deepEqual(await askPeer(data, 'invitation'), { question: 'invitation' })
    assert.equal(statSync(join(data, SOCKET_FILE)).mode & 0o777, 0o600)
  })

  it('hangs up on anything else, however long it is', async (context) => {
    const data = await temporaryDirectory(context)
    await open(context, data)
    for (const bytes of ['secret\n', '\n', 'x'.repeat(100_000), '{"question":"status"}\n']) {
      assert.equal(await answerTo(data, bytes), '', bytes.slice(0, 20))
    }
    assert.deepEqual(await askPeer(data, 'status'), { question: 'status' }, 'and goes on')
  })

  it('takes the place of one that a killed peer has left', async (context) => {
    const data = await temporaryDirectory(context)
    writeFileSync(join(data, SOCKET_FILE), '')
    await open(context, data)
    assert.deepEqual(await askPeer(data, 'status'), { question: 'status' })
  })

  it('is not there where nobody runs, nor where its path is too long', async (context) => {
    const data = await temporaryDirectory(context)
    assert.equal(await askPeer(data, 'status'), null)
    await (await open(context, data))[Symbol.asyncDispose]()
    assert.equal(await askPeer(data, 'status'), null)
    const deep = join(data, 'd'.repeat(120))
    mkdirSync(deep)
    chmodSync(deep, 0o700)
    assert.equal(await StatusSocket.open(deep, () => ({})), null)
    assert.equal(await askPeer(deep, 'status'), null)
  })

  it('is a named pipe on Windows, another one for each data directory', () => {
    const [one, other] = ['C:\\a', 'C:\\b'].map((data) => socketAddress(data, 'win32'))
    assert.match(one, /^\\\\\.\\pipe\\coppice-[0-9a-f]{32}$/)
    assert.notEqual(one, other)
  })
})
