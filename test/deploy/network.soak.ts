import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { hosts, needsHosts, reachesOnly } from '../support/faults/hosts.ts'
import { temporaryDirectory } from '../support/nodes.ts'
import { makeCertificate, needsCertificates } from '../support/proxies/certificate.ts'
import { fixturePath } from '../support/shared.ts'
import { SiteProcess, siteText } from '../support/sites.ts'

const [HTTPS, PROXY_PORT, PEER_PORT] = [443, 3128, 4001]
const ROUNDS = 3
const PLAN = ['--members', '4', '--rounds', `${ROUNDS}`, '--pruner', 'wanda', '--round-timeout', '120']
const SMALL = ['--windows', '2', '--window', '64']

/** A program of test/support/proxies, once it listens. */
async function proxy(context: TestContext, within: string[], name: string, ...argv: (string | number)[]) {
  const program = [...within, process.execPath, join(import.meta.dirname, '..', 'support', 'proxies', name)]
  const child = spawn(program[0], [...program.slice(1), ...argv.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] })
  context.after(() => child.kill('SIGKILL'))
  const told = { text: '' }
  await once((child as ChildProcessByStdio<null, Readable, null>).stdout, 'data')
  child.stdout.on('data', (chunk) => (told.text += chunk))
  return told
}

test('a founder behind a reverse proxy, a member behind a CONNECT proxy and one who only dials out end with one root', {
  skip: needsHosts() || needsCertificates(),
}, async (context) => {
  const root = await temporaryDirectory(context)
  const [north, gate, east, south, west] = hosts(context, 5)
  reachesOnly(west, gate)
  const { key, cert } = makeCertificate(root, [`IP:${north.address}`])
  await proxy(context, north.within, 'reverse-proxy.ts', north.address, HTTPS, PEER_PORT, key, cert)
  const asked = await proxy(context, gate.within, 'connect-proxy.ts', gate.address, PROXY_PORT, HTTPS)

  const begin = (i: number, { within }: typeof north, ...line: string[]) => {
    const cwd = join(root, `${i}`)
    mkdirSync(cwd)
    const own = ['--text', siteText(root, i), '--out', join(cwd, 'out'), '--model', fixturePath('stories260k')]
    const trusting = ['env', `NODE_EXTRA_CA_CERTS=${cert}`]
    return new SiteProcess(context, { cwd, within: [...within, ...trusting] }, ...line, ...own, '--no-eval')
  }
  const behind = ['--listen', `/ip4/127.0.0.1/tcp/${PEER_PORT}/ws`]
  const announced = `/ip4/${north.address}/tcp/${HTTPS}/tls/ws`
  const founder = begin(0, north, 'peer', ...PLAN, ...SMALL, ...behind, '--announce', announced)
  const line = await founder.invitation()
  assert.ok(line.startsWith(`${announced}/p2p/`), line)
  const sites = [
    founder,
    begin(1, east, 'join', line, '--listen', `/ip4/${east.address}/tcp/${PEER_PORT}`),
    begin(2, south, 'join', line, '--no-listen'),
    begin(3, west, 'join', line, '--no-listen', '--proxy', `http://${gate.address}:${PROXY_PORT}`),
  ]
  for (const { exit, stderr } of await Promise.all(sites.map((site) => site.ended))) assert.equal(exit, 0, stderr)

  const reports = sites.map((_, i) => JSON.parse(readFileSync(join(root, `${i}`, 'out', 'report.json'), 'utf8')))
  assert.deepEqual(new Set(reports.map((report) => report.root)).size, 1)
  for (const { rounds, left } of reports) {
    assert.equal(rounds.length, ROUNDS)
    assert.ok(left.sentBytes > left.payloadBytes, `${left.sentBytes} bytes for ${left.payloadBytes} of contributions`)
  }
  assert.match(asked.text, new RegExp(`^${north.address}:${HTTPS} 200$`, 'm'))
  assert.doesNotMatch(asked.text, new RegExp(`:${PEER_PORT} `), 'plain TCP is not asked of the proxy')
})
