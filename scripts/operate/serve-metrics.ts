/** Serves metrics over HTTP, in the text form of Prometheus. */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'
import { NetworkError } from '../../src/base/errors.ts'
import { systemCode } from '../../src/base/system-errors.ts'
import type { MetricsAddress } from './options.ts'

/** A scraper or two, and a person with a browser. */
const MAX_CONNECTIONS = 16
/** Nobody sends anything but a short request. */
const REQUEST_TIMEOUT_MS = 5000
const PATH = '/metrics'

interface MetricsServer extends AsyncDisposable {
  url: string
}

/** @throws {NetworkError} NETWORK_METRICS: the port is in use, or the address is not this machine's */
export async function serveMetrics(registry: Registry, { host, port }: MetricsAddress): Promise<MetricsServer> {
  const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS })
  server.maxConnections = MAX_CONNECTIONS
  server.on('request', ({ method, url }, response) => {
    if (method !== 'GET' || url !== PATH) return void response.writeHead(404).end(`The metrics are at ${PATH}\n`)
    void answer(registry, response)
  })
  try {
    server.listen(port, host)
    await once(server, 'listening')
  } catch (error) {
    throw new NetworkError({
      code: 'NETWORK_METRICS',
      what: `metrics cannot be served at ${host}:${port} (${systemCode(error) ?? String(error)})`,
      hint: 'Give --metrics an address of this machine and a port that nobody uses, such as 127.0.0.1:9464.',
      cause: error,
    })
  }
  const { address, family, port: bound } = server.address() as AddressInfo
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}${PATH}`,
    async [Symbol.asyncDispose]() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

async function answer(registry: Registry, response: ServerResponse): Promise<void> {
  try {
    const text = await registry.metrics()
    response.writeHead(200, { 'content-type': registry.contentType }).end(text)
  } catch (error) {
    response.writeHead(500).end(`${String(error)}\n`)
  }
}
