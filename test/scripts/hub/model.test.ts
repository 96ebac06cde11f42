/** A model of a hub becomes a directory: against a server that answers as the hub does, over real sockets. */
import assert from 'node:assert/strict'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { hubModel } from '../../../scripts/hub/model.ts'
import { PACKAGE_ROOT } from '../../../scripts/paths.ts'
import { Terminal } from '../../../scripts/terminal/terminal.ts'
import { modelName } from '../../../src/model/graph/directory.ts'
import { Recorder } from '../../support/command-line.ts'
import { COMMIT, REPOSITORY, sendFrom, sha256, smallModel, TestHub } from '../../support/hub/test-hub.ts'

const NAME = `hf:${REPOSITORY}`
const TOKEN = 'hf_verysecrettoken'
const GRAPH = 'onnx/model.onnx'
const root = mkdtempSync(join(tmpdir(), 'coppice-test-'))
after(() => rmSync(root, { recursive: true, force: true }))

interface Asking {
  offline?: boolean
  signal?: AbortSignal
  silenceMs?: number
  HF_ENDPOINT?: string
  HF_TOKEN?: string
  HF_HUB_OFFLINE?: string
}

/** One machine with its cache. */
class Machine {
  readonly cache = mkdtempSync(join(root, 'cache-'))
  readonly output = new Recorder()
  readonly folder = join(this.cache, `models--${REPOSITORY.replace('/', '--')}`)
  private readonly hub: TestHub
  private readonly terminal = new Terminal({ stdout: this.output, stderr: this.output, json: true })

  constructor(hub: TestHub) {
    this.hub = hub
  }

  async get(
    name = NAME,
    { offline = false, signal = new AbortController().signal, silenceMs = 10_000, ...variables }: Asking = {},
  ): Promise<string> {
    const environment = { HF_ENDPOINT: this.hub.address, HF_TOKEN: TOKEN, ...variables }
    const wait = async () => void (await new Promise((resolve) => setImmediate(resolve)))
    const options = { offline, environment, cache: this.cache, wait, silenceMs }
    try {
      return await hubModel(name, options, { terminal: this.terminal, signal })
    } finally {
      this.terminal.clear()
      assert.ok(!this.output.text.includes(TOKEN))
    }
  }

  /** The unfinished files of the cache. */
  get parts(): string[] {
    return readdirSync(join(this.folder, 'blobs')).filter((name) => name.endsWith('.incomplete'))
  }
}

function refusalWithoutToken(code: string): (error: Error) => boolean {
  return (error) => {
    assert.equal((error as Error & { code: string }).code, code)
    return !error.message.includes(TOKEN)
  }
}

const graph = smallModel().get(GRAPH) as Buffer
const half = Math.floor(graph.length / 2)

describe('a model of a hub', () => {
  it('comes with the files that are needed and no others, in the layout of the shared cache', async () => {
    await using hub = await TestHub.start()
    const machine = new Machine(hub)
    const dir = await machine.get()
    assert.equal(dir, join(machine.folder, 'snapshots', COMMIT))
    assert.deepEqual(hub.fetched, ['config.json', 'tokenizer.json', 'README.md', GRAPH])
    assert.deepEqual(readFileSync(join(dir, GRAPH)), graph)
    assert.equal(readlinkSync(join(dir, GRAPH)), join('../../../blobs', sha256(graph)))
    assert.equal(readFileSync(join(machine.folder, 'refs/main'), 'utf8'), COMMIT)
    assert.deepEqual(machine.parts, [])
    assert.match(machine.output.text, new RegExp(`Model ${NAME}@${COMMIT}, in `))
  })

  it('has the name of its repository and commit in messages, not that of a directory', async () => {
    await using hub = await TestHub.start()
    assert.equal(modelName(await new Machine(hub).get()), `${REPOSITORY}@01234567`)
  })

  it('is fetched once: then only lists are asked for, and offline nothing is', async () => {
    await using hub = await TestHub.start()
    const machine = new Machine(hub)
    const dir = await machine.get()
    const fetched = hub.fetched.length
    assert.equal(await machine.get(), dir)
    assert.equal(hub.fetched.length, fetched)
    const asked = hub.asked.length
    assert.equal(await machine.get(NAME, { offline: true }), dir)
    assert.equal(hub.asked.length, asked)
  })

  it('is fetched by one of two that want it at the same time', async () => {
    await using hub = await TestHub.start()
    const machine = new Machine(hub)
    const [one, other] = await Promise.all([machine.get(), machine.get()])
    assert.equal(one, other)
    assert.equal(hub.fetched.length, 4)
  })

  it('of another commit takes the files that are the same from the first', async () => {
    await using hub = await TestHub.start()
    const machine = new Machine(hub)
    await machine.get()
    const fetched = hub.fetched.length
    const pinned = `${NAME}@${COMMIT}`
    hub.revisions.set(COMMIT, COMMIT)
    rmSync(join(machine.folder, 'snapshots'), { recursive: true })
    await machine.get(pinned)
    assert.equal(hub.fetched.length, fetched)
  })

  it('is what the cache has if the hub does not answer, and that is said', async () => {
    await using hub = await TestHub.start()
    const machine = new Machine(hub)
    const dir = await machine.get()
    hub.answer = (_, response) => Boolean(response.destroy())
    assert.equal(await machine.get(), dir)
    assert.match(machine.output.text, /does not answer .*the cache has what it answered last/)
    await assert.rejects(new Machine(hub).get(), { code: 'HUB_UNREACHABLE' })
  })

  it('is not asked for at an address that has none', async () => {
    await using hub = await TestHub.start()
    for (const address of ['ftp://x', 'hub', `https://me:${TOKEN}@hub.example`, 'https://hub.example?x'])
      await assert.rejects(new Machine(hub).get(NAME, { HF_ENDPOINT: address }), refusalWithoutToken('HUB_ENDPOINT'))
  })

  it('comes with a token that ends with a line feed, and with none that has other such characters', async () => {
    await using hub = await TestHub.start()
    await new Machine(hub).get(NAME, { HF_TOKEN: `${TOKEN}\n` })
    assert.equal(hub.asked[0].headers.authorization, `Bearer ${TOKEN}`)
    const asked = hub.asked.length
    const broken = new Machine(hub).get(NAME, { HF_TOKEN: `${TOKEN}\nx` })
    await assert.rejects(broken, refusalWithoutToken('HUB_TOKEN'))
    assert.equal(hub.asked.length, asked)
  })

  it('is taken from the cache alone where HF_HUB_OFFLINE says so', async () => {
    await using hub = await TestHub.start()
    await assert.rejects(new Machine(hub).get(NAME, { HF_HUB_OFFLINE: '1' }), { code: 'HUB_NOT_CACHED' })
    assert.equal(hub.asked.length, 0)
  })

  it('brings the weight files that its graph names, and no others of such a name', async () => {
    const own = (name: string) =>
      readFileSync(join(PACKAGE_ROOT, 'test/fixtures/decoders/llama-gqa-tied/external', name))
    const files = smallModel()
    files.set(GRAPH, own('model.onnx')).set('onnx/model.onnx_data', own('model.onnx_data'))
    files.set('onnx/model.onnx_data_1', Buffer.alloc(10)).set('model.onnx_data', Buffer.alloc(10))
    await using hub = await TestHub.start(files)
    const machine = new Machine(hub)
    const dir = await machine.get()
    assert.deepEqual(hub.fetched.slice(-2), [GRAPH, 'onnx/model.onnx_data'])
    assert.deepEqual(readFileSync(join(dir, 'onnx/model.onnx_data')), own('model.onnx_data'))
    rmSync(join(dir, 'onnx/model.onnx_data'))
    await assert.rejects(machine.get(NAME, { offline: true }), { code: 'HUB_NOT_CACHED', message: /model\.onnx_data/ })
    files.delete('onnx/model.onnx_data')
    await using without = await TestHub.start(files)
    await assert.rejects(new Machine(without).get(), { code: 'HUB_FILE_MISSING', message: /onnx\/model\.onnx_data/ })
  })

  it('is float32 where fp16 is there as well', async () => {
    const files = smallModel()
    files.set('model_fp16.onnx', Buffer.alloc(10)).set('onnx/model_fp16.onnx', Buffer.alloc(10))
    await using hub = await TestHub.start(files)
    await new Machine(hub).get()
    assert.deepEqual(
      hub.fetched.filter((path) => path.endsWith('.onnx')),
      [GRAPH],
    )
  })

  it('is refused by name if there is no graph, and the export is told', async () => {
    const files = smallModel()
    files.delete(GRAPH)
    await using hub = await TestHub.start(files)
    await assert.rejects(new Machine(hub).get(), {
      code: 'HUB_NO_ONNX',
      message: /onnx\/model_q4\.onnx/,
      hint: /optimum-cli export onnx/,
    })
  })

  it('is refused if its tokenizer is not there', async () => {
    const files = smallModel()
    files.delete('tokenizer.json')
    await using hub = await TestHub.start(files)
    await assert.rejects(new Machine(hub).get(), { code: 'HUB_FILE_MISSING', message: /tokenizer\.json/ })
  })

  it('offline names the file that the cache lacks', async () => {
    await using hub = await TestHub.start()
    const machine = new Machine(hub)
    await assert.rejects(machine.get(NAME, { offline: true }), { code: 'HUB_NOT_CACHED', message: /refs\/main/ })
    const dir = await machine.get()
    for (const path of [GRAPH, 'tokenizer.json']) {
      rmSync(join(dir, path))
      await assert.rejects(machine.get(NAME, { offline: true }), { code: 'HUB_NOT_CACHED', message: new RegExp(path) })
    }
  })
})

describe('a download that broke off', () => {
  /** Answers with a first part of the graph, and breaks the connection. */
  const breaksAt = (count: number): TestHub['answer'] => {
    let isFirst = true
    return ({ isStore }, response) => {
      if (!isStore || !isFirst) return false
      isFirst = false
      response.writeHead(200, { 'content-length': graph.length })
      return response.write(graph.subarray(0, count), () => response.destroy()) || true
    }
  }
  const ranges = (hub: TestHub) => hub.asked.flatMap(({ isStore, headers }) => (isStore ? [headers.range] : []))

  it('goes on where it was, in the same run', async () => {
    await using hub = await TestHub.start()
    hub.answer = breaksAt(half)
    const dir = await new Machine(hub).get()
    assert.deepEqual(readFileSync(join(dir, GRAPH)), graph)
    const [first, second] = ranges(hub)
    assert.equal(first, undefined)
    assert.match(second ?? '', /^bytes=[1-9]\d*-$/)
  })

  it('goes on where it was, in a later run', async () => {
    await using hub = await TestHub.start()
    const machine = new Machine(hub)
    const stop = new AbortController()
    hub.answer = ({ isStore }, response) => {
      if (!isStore) return false
      response.writeHead(200, { 'content-length': graph.length })
      return response.write(graph.subarray(0, half)) || true
    }
    const stopped = machine.get(NAME, { signal: stop.signal })
    const ended = assert.rejects(stopped, /enough/)
    while (!existsSync(join(machine.folder, 'blobs', `${sha256(graph)}.incomplete`)) || sizeOf(machine) < half)
      await new Promise((resolve) => setImmediate(resolve))
    stop.abort(new Error('enough'))
    await ended
    assert.deepEqual(machine.parts, [`${sha256(graph)}.incomplete`])
    hub.answer = () => false
    assert.deepEqual(readFileSync(join(await machine.get(), GRAPH)), graph)
    assert.equal(ranges(hub).at(-1), `bytes=${half}-`)
    assert.deepEqual(machine.parts, [])
  })

  it('begins anew if the hub gives no ranges', async () => {
    await using hub = await TestHub.start()
    const broken = breaksAt(half)
    hub.answer = (asked, response) => {
      if (broken(asked, response)) return true
      if (asked.isStore) sendFrom(graph, undefined, response)
      return asked.isStore
    }
    assert.deepEqual(readFileSync(join(await new Machine(hub).get(), GRAPH)), graph)
  })

  it('begins anew if what lay there was not of this file', async () => {
    await using hub = await TestHub.start()
    const machine = new Machine(hub)
    mkdirSync(join(machine.folder, 'blobs'), { recursive: true })
    writeFileSync(join(machine.folder, 'blobs', `${sha256(graph)}.incomplete`), Buffer.alloc(half, 7))
    assert.deepEqual(readFileSync(join(await machine.get(), GRAPH)), graph)
    assert.deepEqual(ranges(hub), [`bytes=${half}-`, undefined])
  })

  it('is given up if nothing more comes, and what has come is kept', async () => {
    await using hub = await TestHub.start()
    const machine = new Machine(hub)
    const broken = breaksAt(half)
    hub.answer = (asked, response) => broken(asked, response) || (asked.isStore && Boolean(response.destroy()))
    await assert.rejects(machine.get(), { code: 'HUB_BROKEN_OFF', message: /broke off at byte \d+ of 1254296/ })
    assert.equal(machine.parts.length, 1)
  })
})

function sizeOf(machine: Machine): number {
  return readFileSync(join(machine.folder, 'blobs', `${sha256(graph)}.incomplete`)).length
}

describe('a hub that is not what it seems', () => {
  /** One answer for the bytes of the graph. */
  const graphIs =
    (content: Buffer, headers = {}): TestHub['answer'] =>
    ({ isStore }, response) => {
      if (isStore) response.writeHead(200, headers).end(content)
      return isStore
    }
  const changed = Buffer.from(graph)
  changed[half] ^= 1

  for (const [title, content, code] of [
    ['other bytes', changed, 'HUB_FILE_WRONG'],
    ['more bytes', Buffer.concat([graph, Buffer.alloc(1)]), 'HUB_FILE_WRONG'],
    ['fewer bytes', graph.subarray(0, half), 'HUB_BROKEN_OFF'],
  ] as const) {
    it(`gives ${title} than it lists: no file gets its name`, async () => {
      await using hub = await TestHub.start()
      const machine = new Machine(hub)
      hub.answer = graphIs(content)
      await assert.rejects(machine.get(), { code })
      assert.ok(!existsSync(join(machine.folder, 'blobs', sha256(graph))))
      assert.ok(!existsSync(join(machine.folder, 'snapshots', COMMIT, GRAPH)))
      assert.equal(machine.parts.length, code === 'HUB_FILE_WRONG' ? 0 : 1)
    })
  }

  for (const [status, code, exit] of [
    [401, 'HUB_DENIED', 3],
    [403, 'HUB_DENIED', 3],
    [404, 'HUB_NOT_FOUND', 3],
    [418, 'HUB_ANSWER', 5],
    [429, 'HUB_BUSY', 5],
    [500, 'HUB_FAILED', 5],
    [503, 'HUB_FAILED', 5],
  ] as const) {
    it(`answers ${status}: ${code}, for a list and for a file`, async () => {
      await using hub = await TestHub.start()
      for (const part of ['/api/', '/resolve/']) {
        hub.answer = ({ url }, response) => url.includes(part) && Boolean(response.writeHead(status).end('no'))
        await assert.rejects(new Machine(hub).get(), { code, exit })
      }
    })
  }

  it('is busy for a moment: it is asked again', async () => {
    await using hub = await TestHub.start()
    let refusals = 2
    hub.answer = (_, response) => refusals-- > 0 && Boolean(response.writeHead(429).end())
    await new Machine(hub).get()
  })

  it('sends elsewhere for a file: the token stays behind', async () => {
    await using hub = await TestHub.start()
    await new Machine(hub).get()
    const tokens = new Set(hub.asked.map(({ isStore, headers }) => `${isStore} ${headers.authorization}`))
    assert.deepEqual(tokens, new Set([`false Bearer ${TOKEN}`, 'true undefined']))
  })

  it('sends elsewhere for a list: refused, and the token was not sent', async () => {
    await using hub = await TestHub.start()
    const location = `${hub.storeAddress}/api`
    hub.answer = ({ isStore }, response) => !isStore && Boolean(response.writeHead(307, { location }).end())
    await assert.rejects(new Machine(hub).get(), { code: 'HUB_ANSWER', message: /another host/ })
    assert.ok(hub.asked.every(({ isStore }) => !isStore))
  })

  for (const [title, location] of [
    ['in a circle', '/again'],
    ['to a file of this machine', 'file:///etc/passwd'],
    ['nowhere', 'http://['],
  ]) {
    it(`redirects ${title}`, async () => {
      await using hub = await TestHub.start()
      hub.answer = (_, response) => Boolean(response.writeHead(302, { location }).end())
      await assert.rejects(new Machine(hub).get(), { code: 'HUB_ANSWER' })
    })
  }

  it('says nothing: it is waited for some time alone', async () => {
    await using hub = await TestHub.start()
    hub.answer = () => true
    await assert.rejects(new Machine(hub).get(NAME, { silenceMs: 20 }), {
      code: 'HUB_UNREACHABLE',
      message: /nothing came/,
    })
  })

  it('stops in the middle of a list', async () => {
    await using hub = await TestHub.start()
    hub.answer = (_, response) => response.writeHead(200).write('{"sha": "') || true
    await assert.rejects(new Machine(hub).get(NAME, { silenceMs: 20 }), { code: 'HUB_UNREACHABLE' })
  })

  const digest = sha256(graph)
  const file = { type: 'file', path: GRAPH, size: 1, oid: digest }
  for (const [title, part, answer] of [
    ['no commit', '/revision/', '{}'],
    ['a commit that leaves the cache', '/revision/', '{"sha":"../../../../../etc"}'],
    ['no JSON', '/revision/', '<html>'],
    ['no list', '/tree/', '{"error":"no"}'],
    ['a list of nothing', '/tree/', '[null]'],
    ['a digest that leaves the cache', '/tree/', JSON.stringify([{ ...file, oid: '../../x' }])],
    ['a digest of large files that leaves the cache', '/tree/', JSON.stringify([{ ...file, lfs: { oid: '/etc/x' } }])],
    ['a size below nothing', '/tree/', JSON.stringify([{ ...file, size: -1 }])],
    ['a size that no number holds', '/tree/', JSON.stringify([{ ...file, size: 2 ** 60 }])],
    ['an endless answer', '/tree/', `[${' '.repeat(2 ** 24)}]`],
  ]) {
    it(`answers with ${title}`, async () => {
      await using hub = await TestHub.start()
      hub.answer = ({ url }, response) => url.includes(part) && Boolean(response.writeHead(200).end(answer))
      await assert.rejects(new Machine(hub).get(), { code: 'HUB_ANSWER' })
    })
  }

  it('lists files outside the repository: they are not looked at', async () => {
    const files = smallModel()
    for (const path of [
      '../config.json',
      '/tmp/x.json',
      'onnx/../../x.json',
      '..\\x.json',
      'C:x.json',
      'onnx/a\0.json',
    ])
      files.set(path, Buffer.from('{}'))
    await using hub = await TestHub.start(files)
    await new Machine(hub).get()
    assert.deepEqual(hub.fetched, ['config.json', 'tokenizer.json', 'README.md', GRAPH])
  })

  it('lists more than the disk has room for: nothing is fetched', async () => {
    await using hub = await TestHub.start()
    const names = ['config.json', 'tokenizer.json', GRAPH]
    const list = JSON.stringify(names.map((path) => ({ ...file, path, size: path === GRAPH ? 2 ** 52 : 1 })))
    hub.answer = ({ url }, response) => url.includes('/tree/') && Boolean(response.writeHead(200).end(list))
    await assert.rejects(new Machine(hub).get(), {
      code: 'HUB_CACHE_FULL',
      exit: 8,
      message: /TB are still to be fetched/,
    })
    assert.deepEqual(hub.fetched, [])
  })
})
