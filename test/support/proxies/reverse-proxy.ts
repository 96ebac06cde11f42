/**
 * A reverse proxy as a house has one: it ends TLS and passes on what comes. As a program: HOST PORT TO_PORT KEY CERT.
 */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { pipeline } from 'node:stream'
import { createServer, type Server } from 'node:tls'
import type { Certificate } from './certificate.ts'

/** Passes on to a port of loopback. It listens once the caller says where. */
export function reverseProxy({ key, cert }: Certificate, port: number): Server {
  const server = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (client) => {
    const peer = connect(port, '127.0.0.1')
    pipeline(client, peer, client, () => {
      client.destroy()
      peer.destroy()
    })
  })
  return server.on('tlsClientError', () => {}) // a client that does not trust it
}

if (import.meta.main) {
  const [host, port, to, key, cert] = process.argv.slice(2)
  reverseProxy({ key, cert }, Number(to)).listen(Number(port), host, () => console.log('listening'))
}
