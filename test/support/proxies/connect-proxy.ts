/**
 * An HTTP proxy that lets clients connect to some ports, as a house has one for what leaves it. As a program: HOST PORT
 * ALLOWED_PORT; it prints each request and the status of its answer.
 */
import { createServer, type Server } from 'node:http'
import { connect, type Socket } from 'node:net'
import { pipeline } from 'node:stream'

interface ConnectProxyInit {
  allows(port: number): boolean
  /** USER:PASSWORD; default: everybody may ask. */
  password?: string
  onAnswer?(target: string, status: number): void
}

/** It listens once the caller says where. */
export function connectProxy({ allows, password, onAnswer }: ConnectProxyInit): Server {
  const wanted = password === undefined ? undefined : `Basic ${Buffer.from(password).toString('base64')}`
  const server = createServer()
  return server.on('connect', ({ url = '', headers }, client: Socket) => {
    const answer = (status: number) => {
      onAnswer?.(url, status)
      client.write(`HTTP/1.1 ${status} of the proxy\r\n\r\n`)
      if (status !== 200) client.end()
    }
    const { hostname, port } = new URL(`tcp://${url}`)
    client.on('error', () => {})
    if (wanted !== undefined && headers['proxy-authorization'] !== wanted) return answer(407)
    if (!allows(Number(port))) return answer(403)
    const target = connect(Number(port), hostname)
    target.on('error', () => answer(502))
    target.once('connect', () => {
      target.removeAllListeners('error')
      answer(200)
      pipeline(client, target, client, () => {
        client.destroy()
        target.destroy()
      })
    })
  })
}

if (import.meta.main) {
  const [host, port, allowed] = process.argv.slice(2)
  const onAnswer = (target: string, status: number) => console.log(`${target} ${status}`)
  const proxy = connectProxy({ allows: (each) => each === Number(allowed), onAnswer })
  proxy.listen(Number(port), host, () => console.log('listening'))
}
