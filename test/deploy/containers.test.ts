import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { PACKAGE_ROOT } from '../../scripts/paths.ts'
import { createProgram } from '../../scripts/program.ts'
import { Recorder } from '../support/command-line.ts'

const read = (...path: string[]) => readFileSync(join(PACKAGE_ROOT, ...path), 'utf8')
const { engines, scripts } = JSON.parse(read('package.json')) as {
  engines: { node: string }
  scripts: Record<string, string>
}

/** The steps of the image, one line each. */
const steps = read('deploy', 'Containerfile')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => /^[A-Z]+ /.test(line))
const stepsOf = (name: string) => steps.filter((step) => step.startsWith(`${name} `))

describe('the Containerfile', () => {
  it('builds and runs on the Node that the package needs', () => {
    const wanted = /\d+/.exec(engines.node)?.[0]
    for (const step of stepsOf('FROM')) assert.match(step, new RegExp(`^FROM node:${wanted}-bookworm-slim\\b`))
    assert.equal(stepsOf('FROM').length, 2)
  })

  it('packs by the script that compiles, where no install script runs', () => {
    const [build] = stepsOf('RUN')
    assert.match(build, /npm ci && npm run pack && npm prune --omit=dev --omit=optional/)
    assert.ok('pack' in scripts)
    assert.match(read('.npmrc'), /^ignore-scripts=true$/m)
    assert.match(read('.dockerignore'), /^node_modules$/m)
  })

  it('runs without root, stops by SIGTERM, and keeps data and results in volumes', () => {
    assert.deepEqual(stepsOf('USER'), ['USER node'])
    assert.deepEqual(stepsOf('STOPSIGNAL'), ['STOPSIGNAL SIGTERM'])
    assert.deepEqual(stepsOf('VOLUME'), ['VOLUME ["/data", "/results"]'])
    assert.deepEqual(stepsOf('ENTRYPOINT'), ['ENTRYPOINT ["coppice"]'])
    assert.ok(steps.indexOf('USER node') < steps.findIndex((step) => step.startsWith('ENTRYPOINT')))
    for (const path of ['/data', '/results'])
      assert.ok(stepsOf('RUN').some((step) => step.includes(`-o node`) && step.includes(path)))
  })
})

interface Service {
  image: string
  command: string[]
  environment?: NodeJS.ProcessEnv
  profiles?: string[]
  volumes: string[]
  restart: string
  stop_signal: string
}

describe('compose.yaml', () => {
  const { services, volumes } = parse(read('deploy', 'compose.yaml'), { merge: true }) as {
    services: Record<string, Service>
    volumes: Record<string, null>
  }
  const sites = Object.entries(services)

  it('has a founder and three members, as many as its plan', () => {
    const [[, founder], ...members] = sites
    assert.ok(founder.command.includes(`--members=${sites.length}`))
    assert.deepEqual(
      sites.map(([, { command }]) => command[0]),
      ['peer', ...members.map(() => 'join')],
    )
    assert.equal(founder.profiles, undefined, 'the founder is there first')
    for (const [name, { profiles }] of members) assert.deepEqual(profiles, ['members'], name)
  })

  for (const [name, service] of sites) {
    it(`gives ${name} a command line that is understood, and a text and volumes of its own`, async () => {
      const { command } = service
      const environment = Object.fromEntries(
        Object.entries(service.environment ?? {}).map(([key, value]) => [
          key,
          value?.replace(/^\$\{INVITATION:-\}$/, INVITATION),
        ]),
      )
      let started = 0
      const streams = { stdout: new Recorder(), stderr: new Recorder() }
      await createProgram(async () => void started++, streams, { environment }).parseAsync(command, { from: 'user' })
      assert.deepEqual([started, streams.stderr.text], [1, ''])
      const text = command.find((word) => word.startsWith('--text='))?.replace('--text=/opt/coppice/', '')
      assert.ok(text !== undefined && existsSync(join(PACKAGE_ROOT, text)), text)
      assert.equal(sites.filter(([, other]) => other.command.join().includes(text)).length, 1, text)
      assert.deepEqual(service.volumes, [`${name}-data:/data`, `${name}-results:/results`])
      for (const volume of service.volumes) assert.ok(volume.split(':')[0] in volumes, volume)
    })

    it(`stops ${name} by SIGTERM, and starts its command again after a failure only`, () => {
      assert.equal(service.stop_signal, 'SIGTERM')
      assert.match(service.restart, /^on-failure:\d+$/)
    })
  }
})

/** A line of the right form. */
const INVITATION = `/dns4/north/tcp/4001/p2p/12D3KooWBF45uaTQ64LfCKWo9viawpkj1w7C6JVEge69hzL3wF2m#${'0a1b2c3d'.repeat(8)}.${'0a1b2c3d'.repeat(4)}`
