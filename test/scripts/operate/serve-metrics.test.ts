import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { Gauge, Registry } from 'prom-client'
import { serveMetrics } from '../../../scripts/operate/serve-metrics.ts'
import { CoppiceError } from '../../../src/base/errors.ts'

const ANY = { host: '127.0.0.1', port: 0 }

function registryOf(collect: () => void): Registry {
  const registry = new Registry()
  new Gauge({ name: 'leaves', help: 'of a tree', registers: [registry], collect })
  return registry
}

test('metrics are served at one address, and nothing else is', async () => {
  await using server = await serveMetrics(
    registryOf(() => undefined),
    ANY,
  )
  const answer = await fetch(server.url)
  assert.equal(answer.status, 200)
  assert.match(answer.headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
  assert.equal(await answer.text(), '# HELP leaves of a tree\n# TYPE leaves gauge\nleaves 0\n')
  for (const [url, init] of [
    [server.url.replace('/metrics', '/'), {}],
    [`${server.url}/more`, {}],
    [server.url, { method: 'POST', body: 'leaves 1' }],
  ] as const)
    assert.equal((await fetch(url, init)).status, 404)
})

test('an address that is in use is refused by name', async () => {
  await using server = await serveMetrics(new Registry(), ANY)
  const port = Number(new URL(server.url).port)
  await assert.rejects(
    serveMetrics(new Registry(), { host: '127.0.0.1', port }),
    (error) =>
      error instanceof CoppiceError &&
      error.code === 'NETWORK_METRICS' &&
      error.message === `metrics cannot be served at 127.0.0.1:${port} (EADDRINUSE)`,
  )
})

test('a metric that fails costs the scraper its answer, and the peer nothing', async () => {
  const registry = registryOf(() => {
    throw new Error('no leaves')
  })
  await using server = await serveMetrics(registry, ANY)
  assert.equal((await fetch(server.url)).status, 500)
})

test('whoever stays connected does not keep the server from closing', async () => {
  const server = await serveMetrics(new Registry(), ANY)
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  await once(socket, 'connect')
  const closed = once(socket, 'close')
  await server[Symbol.asyncDispose]()
  await closed
})
