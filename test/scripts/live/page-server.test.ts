import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { describe, it, type TestContext } from 'node:test'
import { PageServer } from '../../../scripts/live/page-server.ts'

const LOCAL = { host: '127.0.0.1', port: 0, isOpen: false }

/** A served page whose parts a test changes. */
async function aServer(context: TestContext) {
  const parts = new Map([['top', '<header id="top">a</header>']])
  const failures: unknown[] = []
  const served = {
    document: () => '<!doctype html>',
    policy: () => "default-src 'none'",
    parts: () => parts as ReadonlyMap<string, string>,
    onFailure: (error: unknown) => void failures.push(error),
  }
  const server = await PageServer.listen(LOCAL, served)
  context.after(() => server[Symbol.asyncDispose]())
  return { server, parts, served, failures }
}

async function ask(url: string, { method = 'GET', headers = {} } = {}): Promise<IncomingMessage> {
  const sent = request(url, { method, headers, agent: false })
  sent.end()
  const [response] = (await once(sent, 'response')) as [IncomingMessage]
  return response
}

async function statusOf(url: string, options?: Parameters<typeof ask>[1]): Promise<number | undefined> {
  const response = await ask(url, options)
  response.resume()
  return response.statusCode
}

/** The events of a stream, one at a time. */
async function* eventsOf(response: IncomingMessage): AsyncGenerator<{ event: string; data: unknown }> {
  let text = ''
  for await (const piece of response.setEncoding('utf8')) {
    text += piece
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      const [event, data] = text.slice(0, end).split('\n')
      text = text.slice(end + 2)
      yield { event: event.replace('event: ', ''), data: JSON.parse(data.replace('data: ', '')) }
    }
  }
}

describe('the server of a live page', () => {
  it('answers whoever has the token, and forbids to keep, frame or sniff the answer', async (context) => {
    const { server } = await aServer(context)
    const response = await ask(server.url)
    response.resume()
    assert.equal(response.statusCode, 200)
    assert.equal(response.headers['content-security-policy'], "default-src 'none'; frame-ancestors 'none'")
    assert.equal(response.headers['cache-control'], 'no-store')
    assert.equal(response.headers['x-frame-options'], 'DENY')
    assert.equal(response.headers['access-control-allow-origin'], undefined)
    assert.match(server.url, /^http:\/\/127\.0\.0\.1:\d+\/[\w-]{22}\/$/)
  })

  it('answers nobody else: no token, another one, another path or method', async (context) => {
    const { server } = await aServer(context)
    const { origin } = new URL(server.url)
    const other = server.url.replace(/.\/$/, server.url.endsWith('A/') ? 'B/' : 'A/')
    for (const url of [
      `${origin}/`,
      `${origin}/events`,
      other,
      `${server.url}x`,
      `${server.url}events/`,
      `${server.url}../`,
    ])
      assert.equal(await statusOf(url), 404, url)
    for (const method of ['POST', 'PUT', 'HEAD', 'OPTIONS', 'DELETE'])
      assert.equal(await statusOf(server.url, { method }), 405, method)
  })

  it('refuses names that were bent to its address, and other origins', async (context) => {
    const { server } = await aServer(context)
    const { host, origin } = new URL(server.url)
    assert.equal(await statusOf(server.url, { headers: { host: 'evil.example' } }), 403)
    assert.equal(await statusOf(server.url, { headers: { host: `localhost:${new URL(server.url).port}` } }), 403)
    assert.equal(await statusOf(`${server.url}events`, { headers: { origin: 'http://evil.example' } }), 403)
    assert.equal(await statusOf(server.url, { headers: { origin: 'null' } }), 403)
    assert.equal(await statusOf(server.url, { headers: { host, origin } }), 200)
  })

  it('sends all parts first, then those that change, and at the end says so', async (context) => {
    const { server, parts } = await aServer(context)
    const events = eventsOf(await ask(`${server.url}events`))
    const first = await events.next()
    assert.deepEqual(first.value, {
      event: 'parts',
      data: { order: ['top'], parts: [{ id: 'top', html: '<header id="top">a</header>' }] },
    })
    assert.ok(server.isRead)
    server.update() // nothing has changed: nothing is sent
    parts.set('bytes', 'line\nbreak')
    server.update()
    assert.deepEqual((await events.next()).value, {
      event: 'parts',
      data: { order: ['top', 'bytes'], parts: [{ id: 'bytes', html: 'line\nbreak' }] },
    })
    parts.delete('bytes')
    await server.end()
    assert.deepEqual((await events.next()).value, { event: 'parts', data: { order: ['top'], parts: [] } })
    assert.deepEqual((await events.next()).value, { event: 'end', data: {} })
    assert.equal((await events.next()).done, true)
    assert.equal(await statusOf(`${server.url}events`), 404)
    assert.equal(await statusOf(server.url), 200)
  })

  it('has room for eight readers, and for another one when one has gone', async (context) => {
    const { server } = await aServer(context)
    const readers = []
    for (let k = 0; k < 8; k++) readers.push(await ask(`${server.url}events`))
    assert.equal(await statusOf(`${server.url}events`), 503)
    const [gone] = readers
    gone.destroy()
    for (let status = 503; status === 503; ) {
      const next = await ask(`${server.url}events`)
      status = next.statusCode ?? 0
      if (status === 503) next.resume()
    }
  })

  it('does not end the command where a page cannot be drawn', async (context) => {
    const { server, served, failures } = await aServer(context)
    served.document = () => {
      throw new Error('no picture')
    }
    await assert.rejects(ask(server.url), { code: 'ECONNRESET' })
    assert.match(String(failures), /no picture/)
  })

  it('names a port that is in use', async (context) => {
    const { server, served } = await aServer(context)
    const port = Number(new URL(server.url).port)
    await assert.rejects(PageServer.listen({ ...LOCAL, port }, served), { code: 'NETWORK_LISTEN', message: /in use/ })
  })
})
