import assert from 'node:assert/strict'
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { assertApart } from '../../../peers/disk/apart.ts'
import { DataDirectory, FEDERATIONS_NAME, OFFER_FILE } from '../../../peers/disk/data-directory.ts'
import { identityFromSeed } from '../../../peers/disk/identity.ts'
import { derivedName } from '../../../peers/disk/site-name-file.ts'
import { makeAcceptance } from '../../../protocols/plan/acceptance.ts'
import { makePlan } from '../../../protocols/plan/plan.ts'
import { siteNameFault } from '../../../protocols/plan/site-name.ts'
import { toHex } from '../../../protocols/wire/encoding.ts'
import { temporaryDirectory } from '../../support/nodes.ts'
import { anOffer, aPlan, person, SECRET } from '../../support/people.ts'

const NO_MODES = process.platform === 'win32' && 'Windows has no such permissions'

test('a data directory is closed to other accounts, and holds one key for good', {
  skip: NO_MODES,
}, async (context) => {
  const path = join(await temporaryDirectory(context), 'state', 'coppice')
  const first = await DataDirectory.open(path)
  await first[Symbol.asyncDispose]()
  assert.equal((await stat(path)).mode & 0o777, 0o700)
  assert.equal(first.tightened, false)
  await using second = await DataDirectory.open(path)
  assert.deepEqual(second.signer.peerId, first.signer.peerId)
  assert.deepEqual((await readdir(path)).sort(), ['lock', 'peer.key', 'plans.wal'])
})

test('a second site of one account is told to use another --data', async (context) => {
  const path = await temporaryDirectory(context)
  await using _first = await DataDirectory.open(path)
  await assert.rejects(DataDirectory.open(path), { code: 'OUTPUT_LOCKED', exit: 8, hint: /second site .* --data/ })
})

test('a data directory is rid of the files that a killed process had begun, and of nothing else', async (context) => {
  const path = await temporaryDirectory(context)
  const earlier = await DataDirectory.open(path)
  await earlier[Symbol.asyncDispose]()
  const chain = join(path, FEDERATIONS_NAME, 'f'.repeat(64), 'certificates')
  await mkdir(chain, { recursive: true })
  for (const name of ['1.cbor', '2.cbor.4711.part']) await writeFile(join(chain, name), 'x')
  await writeFile(join(path, 'mine.1.part'), 'x')
  await using _data = await DataDirectory.open(path)
  assert.deepEqual(await readdir(chain), ['1.cbor'])
  assert.ok((await readdir(path)).includes('mine.1.part'))
})

test('a data directory that others may read is closed, and said to be', { skip: NO_MODES }, async (context) => {
  const path = await temporaryDirectory(context)
  for (const mode of [0o755, 0o750, 0o701]) {
    await chmod(path, mode)
    await using data = await DataDirectory.open(path)
    assert.equal(data.tightened, true, mode.toString(8))
    assert.equal((await stat(path)).mode & 0o777, 0o700)
  }
})

test('an open directory that holds other things is refused and left as it is', { skip: NO_MODES }, async (context) => {
  const path = await temporaryDirectory(context)
  await writeFile(join(path, 'thesis.txt'), 'x')
  await chmod(path, 0o755)
  await assert.rejects(DataDirectory.open(path), { code: 'OUTPUT_DATA_OPEN', exit: 8, message: /755.*thesis\.txt/ })
  assert.equal((await stat(path)).mode & 0o777, 0o755)
  assert.deepEqual(await readdir(path), ['thesis.txt'])
})

test('a name follows from the key until one is given, which is then kept', async (context) => {
  const path = await temporaryDirectory(context)
  const privateKey = await identityFromSeed('name', 1)
  const nameOf = async (given: string | null) => {
    await using data = await DataDirectory.open(path, { privateKey })
    return await data.siteName(given)
  }
  const derived = await nameOf(null)
  assert.match(derived, /^site-[a-z]{4}$/)
  assert.equal(await nameOf(null), derived)
  assert.equal(await nameOf('北京 clinic'), '北京 clinic')
  assert.equal(await nameOf(null), '北京 clinic')
  await writeFile(join(path, 'name'), 'a\u202eb\n')
  assert.equal(await nameOf(null), derived, 'what is no name is not taken')
  assert.equal(siteNameFault(derivedName(person(3).peerId)), null)
})

test('each federation has a directory of its own, found again by the hash of its offer', async (context) => {
  const path = await temporaryDirectory(context)
  const { plan } = aPlan()
  await using data = await DataDirectory.open(path)
  const directory = await data.federation(plan)
  assert.equal(directory, join(path, FEDERATIONS_NAME, toHex(plan.id)))
  assert.equal(await readFile(join(directory, OFFER_FILE), 'utf8'), `${toHex(plan.offerHash)}\n`)
  assert.equal(await data.federation(plan), directory)
})

test('a site signs one plan an offer, also after a restart', async (context) => {
  const path = await temporaryDirectory(context)
  const offer = anOffer({ members: 2 })
  const [one, two, three] = [1, 2, 3].map((number) =>
    makeAcceptance(person(number), { offer: offer.hash, secret: SECRET, site: `site ${number}`, capacity: 1 }),
  )
  const [plan, other] = [makePlan(offer, [one, two], SECRET), makePlan(offer, [one, three], SECRET)]
  {
    await using data = await DataDirectory.open(path)
    assert.equal(data.signedPlans.has(plan), false)
    await data.signedPlans.sign(person(1), plan)
  }
  await using data = await DataDirectory.open(path)
  assert.equal(data.signedPlans.has(plan), true)
  await data.signedPlans.sign(person(1), plan)
  await assert.rejects(data.signedPlans.sign(person(1), other), { code: 'OUTPUT_SIGNED_ANOTHER_PLAN', exit: 8 })
})

test('data and results lie apart, whatever links say', async (context) => {
  const root = await temporaryDirectory(context)
  const at = (...names: string[]) => join(root, ...names)
  await mkdir(at('out', 'below'), { recursive: true })
  await symlink(at('out'), at('link'))
  await symlink(at('out', 'below'), at('deep'))
  const refused: Array<[data: string, place: Parameters<typeof assertApart>[1]]> = [
    [at('out', 'data'), { out: at('out') }],
    [at('out'), { out: at('out') }],
    [at('out'), { out: at('out', 'below') }],
    [at('link', 'data'), { out: at('out') }],
    [at('deep', 'data'), { out: at('out') }],
    [at('out', 'data'), { out: at('link') }],
    [at('new', 'data'), { parent: at('new') }],
    [at('new'), { parent: at('new', 'coppice-out') }],
  ]
  for (const [data, place] of refused) {
    await assert.rejects(assertApart(data, place), { code: 'OUTPUT_DATA_INSIDE', exit: 8 }, `${data} ${place}`)
  }
  for (const data of ['out-data', '..out', 'other']) await assertApart(at(data), { out: at('out') })
  await assertApart(at('out', '..data'), { out: at('out', 'below') })
})
