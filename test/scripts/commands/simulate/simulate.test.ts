import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { extract } from 'tar'
import { z } from 'zod'
import { layersSchema, machineSchema, timesSchema } from '../../../../scripts/operate/report-schema.ts'
import { coppice, type Ended } from '../../../support/command-line.ts'
import { fixturePath } from '../../../support/shared.ts'
import { siteText } from '../../../support/sites.ts'

const directory = mkdtempSync(join(tmpdir(), 'coppice-test-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const count = z.number().int().nonnegative()
const share = z.number().min(0).max(1)
const hash = z.string().regex(/^[0-9a-f]{64}$/)
const measured = z.number().positive()

/** The report as the command line promises it: no key more, none less. */
const reportSchema = z.strictObject({
  coppice: z.string(),
  plan: z.strictObject({
    id: hash,
    pruner: z.enum(['sparsegpt', 'wanda', 'magnitude']),
    sparsity: share.nullable(),
    pattern: z.string().nullable(),
    merge: z.literal('l0'),
    masked: z.literal(false),
    rounds: count,
    sample: share,
    windows: count,
    window: count,
    model: z.strictObject({ name: z.string(), hash, parameters: count }),
  }),
  peers: z.array(
    z.strictObject({
      id: z.string(),
      site: z.string(),
      capacity: share,
      root: hash,
      sentBytes: count,
      receivedBytes: count,
      ownBytes: count,
      othersBytes: count,
      payloadBytes: count,
      refused: z.tuple([]),
      seconds: measured,
    }),
  ),
  rounds: z.array(
    z.strictObject({
      round: count,
      contributions: count,
      uncovered: z.array(count),
      maskChange: share,
      certificate: hash,
      bytes: count,
    }),
  ),
  result: z.strictObject({ root: hash, sparsity: share, zeros: count, weights: count, model: z.string() }),
  certified: z.null(),
  layers: layersSchema,
  errorOf: z.literal('sites'),
  agreementOf: z.literal('plan'),
  evaluated: z.string(),
  times: timesSchema,
  machine: machineSchema,
  perplexity: z.array(
    z.strictObject({
      text: z.string(),
      tokens: count,
      windows: count,
      window: count,
      dense: measured,
      isolated: z.array(measured).nullable(),
      l0: z.null(),
      fedavg: measured.nullable(),
      pooledText: z.null(),
      rounds: z.array(measured),
      federated: measured,
    }),
  ),
  seconds: measured,
  peakMemoryBytes: count,
})

const COMMAND =
  'simulate --pruner wanda --windows 2 --window 64 --sample 0.5 --rounds 2 --eval-tokens 128 --eval-window 64 --json'
const MODEL = ['--model', fixturePath('stories260k')]
const texts = [0, 1, 2, 3].map((site) => siteText(directory, site))
const SITES = ['--text', ...texts, '--eval', ...texts.slice(0, 2)]
const simulate = (name: string, ...more: string[]) =>
  coppice(...COMMAND.split(' '), ...MODEL, ...SITES, '--out', join(directory, name), ...more)
const reportOf = ({ stdout }: Ended) => reportSchema.parse(JSON.parse(stdout))

describe('a simulation of four sites', () => {
  const out = join(directory, 'mesh')
  let ended: Ended
  before(async () => {
    ended = await simulate('mesh')
  })

  it('ends with one root at all sites and the report that is promised', () => {
    assert.equal(ended.exit, 0, ended.stderr)
    const report = reportOf(ended)
    const { digest, ...kept } = JSON.parse(readFileSync(join(out, 'report.json'), 'utf8'))
    assert.match(digest, /^[0-9a-f]{64}$/)
    assert.deepEqual(kept, report)
    const { peers, plan, result, rounds, perplexity } = report
    assert.deepEqual([...new Set(peers.map(({ root }) => root))], [result.root])
    assert.deepEqual(
      peers.map(({ site, capacity }) => [site, capacity]),
      ['site-0', 'site-1', 'site-2', 'site-3'].map((site) => [site, 0.5]),
    )
    assert.deepEqual([plan.sparsity, plan.pattern, plan.rounds, plan.sample], [0.5, null, 2, 0.5])
    assert.deepEqual(
      rounds.map(({ contributions, uncovered }) => [contributions, uncovered]),
      [
        [12, []],
        [20, []],
      ],
    )
    assert.equal(result.zeros, result.weights / 2)
    for (const { text, tokens, isolated, fedavg, rounds, federated } of perplexity) {
      assert.equal(tokens, 2 * 63, text)
      assert.equal(isolated?.length, 4, text)
      assert.ok(fedavg !== null, text)
      assert.deepEqual([rounds.length, rounds.at(-1)], [2, federated], text)
    }
  })

  it('tells when each site was heard, what its bytes were, and how its layers were pruned', () => {
    const { agreementOf, layers, peers, times } = reportOf(ended)
    assert.deepEqual(
      times.rounds.map(({ round }) => round),
      [1, 2],
    )
    for (const { began, sent, proposed, worked, ended: end } of times.rounds) {
      // On a slow machine the last one is heard when the others have gone on.
      const members = new Set(sent.map(({ member }) => member))
      assert.ok(members.size === sent.length && members.size >= 3 && Math.max(...members) <= 3)
      const moments = [began, ...sent.map(({ at }) => at)]
      assert.deepEqual(
        moments,
        [...moments].sort((a, b) => a - b),
      )
      assert.ok(end !== null && end >= began && proposed.length > 0 && worked.length >= 3)
      assert.ok(sent.filter(({ bytes }) => bytes !== null && bytes > 0).length >= 3)
    }
    for (const { ownBytes, othersBytes, sentBytes } of peers)
      assert.ok(ownBytes > 0 && ownBytes + othersBytes < sentBytes)
    assert.equal(agreementOf, 'plan')
    for (const { name, agreement, damping, error } of layers) {
      assert.ok(agreement !== null && agreement > 0.5 && agreement <= 1, name)
      assert.ok(error !== null && error > 0 && error < 0.5 && damping === null, name)
    }
  })

  it('leaves its page where it was told to serve one, and the address in the log alone', async () => {
    const { exit, stdout, stderr } = await simulate(
      'page',
      '--rounds',
      '1',
      '--baselines',
      'none',
      '--page',
      '127.0.0.1:0',
    )
    assert.equal(exit, 0, stderr)
    const [url = ''] = /http:\/\/127\.0\.0\.1:\d+\/[\w-]{22}\//.exec(stderr) ?? []
    assert.notEqual(url, '')
    assert.ok(!stdout.includes(url))
    await assert.rejects(fetch(url), 'the page ends with the command')
    const page = readFileSync(join(directory, 'page', 'report.html'), 'utf8')
    for (const section of ['perplexity', 'rounds', 'layers', 'agreement', 'timeline', 'bytes'])
      assert.ok(page.includes(`<section id="${section}">`), section)
  })

  it('leaves model, plan, certificates, contributions and report, and nothing else', () => {
    const results = ['certificates', 'contributions', 'model', 'plan.cbor', 'report.html', 'report.json']
    assert.deepEqual(readdirSync(out).sort(), results)
    assert.deepEqual(readdirSync(join(out, 'certificates')), ['1.cbor', '2.cbor'])
    assert.equal(readdirSync(join(out, 'contributions')).length, 20)
  })

  it('verifies', async () => {
    const { exit, stdout, stderr } = await coppice('verify', out, ...MODEL, '--json')
    assert.equal(exit, 0, stderr)
    const { root, plan } = { ...reportOf(ended), ...reportOf(ended).result }
    // 4 acceptances and 4 signatures of the plan, at least a quorum of 3 under each of 2 certificates
    const { signatures, ...verified } = JSON.parse(stdout)
    assert.ok(signatures >= 14 && signatures <= 16, `${signatures} signatures`)
    assert.deepEqual(verified, {
      federation: plan.id,
      rounds: 2,
      root,
      notes: [],
      sums: null,
      certified: null,
      ok: true,
    })
  })

  it('is bundled with nothing secret, twice to the same bytes, and verifies where the bundle is unpacked', async () => {
    const copy = join(directory, 'to bundle')
    cpSync(out, copy, { recursive: true })
    for (const name of ['peer.key', 'mine.txt']) writeFileSync(join(copy, name), 'a secret of the site')
    const files = [join(directory, 'a.tar.gz'), join(directory, 'b.tar.gz')]
    const made = []
    for (const [k, file] of files.entries()) {
      const { exit, stdout, stderr } = await coppice('bundle', [copy, out][k], '--out', file, '--json')
      assert.equal(exit, 0, stderr)
      assert.equal(stderr.includes('Not in it: mine.txt, peer.key.'), k === 0, stderr)
      made.push(JSON.parse(stdout))
    }
    assert.ok(readFileSync(files[0]).equals(readFileSync(files[1])))
    assert.equal(made[0].sha256, createHash('sha256').update(readFileSync(files[0])).digest('hex'))
    const unpacked = join(directory, `coppice-${made[0].federation.slice(0, 8)}`)
    await extract({ file: files[0], cwd: directory, strict: true })
    assert.deepEqual(readdirSync(unpacked).sort(), readdirSync(out).sort())
    const { exit, stderr } = await coppice('verify', unpacked, ...MODEL)
    assert.equal(exit, 0, stderr)
    const again = await coppice('bundle', out, '--out', files[0])
    assert.deepEqual([again.exit, again.stderr.includes('(OUTPUT_EXISTS)')], [8, true], again.stderr)
  })

  /** Flips a bit in the middle of each of these files of a copy of the results, and verifies that. */
  async function verifyFlipped(names: readonly string[]): Promise<Ended> {
    const copy = join(directory, 'copy')
    cpSync(out, copy, { recursive: true })
    for (const name of names) {
      const bytes = readFileSync(join(copy, name))
      bytes[Math.floor(bytes.length / 2)] ^= 1
      rmSync(join(copy, name))
      writeFileSync(join(copy, name), bytes)
    }
    const ended = await coppice('verify', copy, ...MODEL)
    rmSync(copy, { recursive: true })
    return ended
  }

  for (const file of [
    ...['plan.cbor', 'certificates/1.cbor', 'certificates/2.cbor', 'contributions/*', 'report.json'],
    ...['model/onnx/model.onnx', 'model/tokenizer.json'],
  ]) {
    it(`does not verify with a flipped bit in ${file}`, async () => {
      const [folder] = file.split('/*')
      const name = file.endsWith('*') ? join(folder, readdirSync(join(out, folder))[0]) : file
      const { exit, stderr } = await verifyFlipped([name])
      assert.equal(exit, 7, `${name}: ${stderr}`)
      assert.match(stderr, /coppice: not verified: .* \(VERIFY_FAILED\)\n.*\n$/, name)
    })
  }

  it('verifies with flipped bits in files that decide nothing, and notes them', async () => {
    // Only the base's part of the card is known.
    const others = ['onnx', 'tokenizer.json', 'README.md']
    const names = readdirSync(join(out, 'model')).filter((name) => !others.includes(name))
    const { exit, stderr } = await verifyFlipped(names.map((name) => join('model', name)))
    assert.equal(exit, 0, stderr)
    assert.ok(names.length >= 3, names.join())
    for (const name of names) assert.match(stderr, new RegExp(`note: model/${name} (differs|does not belong)`))
  })

  const FILE_GONE = [
    {
      id: 'the last certificate',
      file: 'certificates/2.cbor',
      says: /certificates\/2\.cbor is missing: the federation did not end with round 1 \(VERIFY_MISSING\)/,
    },
    {
      id: 'the first certificate, although all else verifies',
      file: 'certificates/1.cbor',
      says: /lacks the certificate of round 1; 1 other certificate, all contributions, .* verify \(VERIFY_MISSING\)/,
    },
    { id: 'the plan', file: 'plan.cbor', says: /plan\.cbor is missing \(VERIFY_MISSING\)/ },
    { id: 'a contribution', file: 'contributions/*', says: /contributions\/[0-9a-f]{64} is missing/ },
  ]
  for (const { id, file, says } of FILE_GONE) {
    it(`does not verify without ${id}, and says so`, async () => {
      const copy = join(directory, 'copy')
      cpSync(out, copy, { recursive: true })
      rmSync(join(copy, file.replace('*', readdirSync(join(copy, 'contributions'))[0])))
      const { exit, stderr } = await coppice('verify', copy, ...MODEL)
      assert.equal(exit, 3, stderr)
      assert.match(stderr, says)
      rmSync(copy, { recursive: true })
    })
  }

  it('finds a flipped bit in the second certificate although the first is gone', async () => {
    const copy = join(directory, 'copy')
    cpSync(out, copy, { recursive: true })
    rmSync(join(copy, 'certificates', '1.cbor'))
    const path = join(copy, 'certificates', '2.cbor')
    const bytes = readFileSync(path)
    bytes[bytes.length - 1] ^= 1 // of a signature
    rmSync(path)
    writeFileSync(path, bytes)
    const { exit, stderr } = await coppice('verify', copy, ...MODEL)
    assert.equal(exit, 7, stderr)
    assert.match(stderr, /2\.cbor does not certify: wrong signature/)
    rmSync(copy, { recursive: true })
  })

  it('verifies without a report and beside files that are no results, and notes them', async () => {
    const copy = join(directory, 'copy')
    cpSync(out, copy, { recursive: true })
    rmSync(join(copy, 'report.json'))
    const strays = ['notes.txt', 'certificates/fork-2-0a1b2c3d.cbor', 'certificates/02.cbor', 'contributions/x']
    for (const name of strays) writeFileSync(join(copy, name), 'x')
    const { exit, stdout, stderr } = await coppice('verify', copy, ...MODEL, '--json')
    assert.equal(exit, 0, stderr)
    assert.deepEqual(JSON.parse(stdout).notes.sort(), [
      'certificates/02.cbor is no certificate of a round',
      'certificates/fork-2-0a1b2c3d.cbor is no certificate of a round',
      'contributions/x is named by no certificate',
      'notes.txt is no result of a federation, and was not looked at',
      'report.json is missing; it proves nothing that the other files do not',
    ])
    rmSync(copy, { recursive: true })
  })

  it('describes a certificate and a contribution', async () => {
    const certificate = await coppice('inspect', '--certificate', join(out, 'certificates', '2.cbor'))
    assert.equal(certificate.exit, 0, certificate.stderr)
    assert.match(certificate.stdout, /^Round 2, after certificate [0-9a-f]{8}, of federation [0-9a-f]{8}\.$/m)
    assert.match(certificate.stdout, /The signatures are a quorum of the plan\./)
    const [root] = readdirSync(join(out, 'contributions'))
    const contribution = await coppice('inspect', '--contribution', join(out, 'contributions', root))
    assert.equal(contribution.exit, 0, contribution.stderr)
    assert.match(contribution.stdout, new RegExp(`^Contribution ${root}\nof site-\\d \\(12D3KooW.*\\) for block \\d`))
    assert.match(contribution.stdout, /^q_proj, k_proj, v_proj +64 /m)
    assert.match(contribution.stdout, /masks are not sent/)
  })

  it('refuses an output directory that is not empty', async () => {
    const { exit, stderr } = await simulate('mesh')
    assert.equal(exit, 8)
    assert.ok(stderr.includes(relative(process.cwd(), out).split('/').at(-1) ?? ''), stderr)
  })
})
