import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { RoundProgressEvent } from '../../../peers/round/events.ts'
import { federationOf } from '../../../peers/round/federation.ts'
import type { PruneJob } from '../../../peers/work/work.ts'
import { BlobTooLargeError } from '../../../protocols/blob/errors.ts'
import type { FetchOptions } from '../../../protocols/blob/index.ts'
import { type CommitList, encodeCommitList } from '../../../protocols/round/messages/value.ts'
import { toHex } from '../../../protocols/wire/encoding.ts'
import { BlobHasher } from '../../../protocols/wire/hash.ts'
import { MatrixWork } from '../../support/matrices.ts'
import { Inbox, temporaryDirectory } from '../../support/nodes.ts'
import { aPlan } from '../../support/people.ts'
import { aDriver, SELF } from './a-driver.ts'

const BLOCKS = 2
const [SMALL, LARGE] = [10, 100]

/** Whose contributions have at most 10 bytes to one block, 100 to the other; it never gets done with its own. */
class Idle extends MatrixWork {
  private readonly large: number

  constructor(large: number) {
    super(BLOCKS, 0)
    this.large = large
  }

  override maxContributionBytes(block = 0): number {
    return block === this.large ? LARGE : SMALL
  }

  override async validate(): Promise<string | null> {
    return null
  }

  override prune({ signal }: PruneJob): Promise<void> {
    return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
  }
}

/** A driver whose neighbours have what was put among `blobs`, and others whose commits it hears. */
async function scene(context: TestContext) {
  const { plan, signers } = aPlan({ model: { name: 'two', hash: new Uint8Array(32), parameters: 1, blocks: BLOCKS } })
  const federation = federationOf(plan)
  const arcOf = (member: number) => federation.blocksOf(member, 1)[0]
  const members = plan.members.map(({ index }) => index).filter((index) => index !== SELF)
  const large = members.find((member) => arcOf(member) === 0) ?? -1
  const small = members.find((member) => arcOf(member) === 1) ?? -1
  const directory = await temporaryDirectory(context)
  const blobs = new Map<string, Uint8Array>()
  const put = (bytes: Uint8Array): string => {
    const hasher = new BlobHasher()
    hasher.update(bytes)
    const id = toHex(hasher.finish().id)
    blobs.set(id, bytes)
    return id
  }
  const fetch = async (id: string, { maxBytes, create }: FetchOptions) => {
    const bytes = blobs.get(id)
    assert.ok(bytes, id)
    if (bytes.byteLength > maxBytes) throw new BlobTooLargeError(id, bytes.byteLength, maxBytes)
    const hasher = new BlobHasher()
    hasher.update(bytes)
    const sink = await create(hasher.finish())
    await sink.write(bytes)
    await sink.commit(id)
  }
  const events = new Inbox<RoundProgressEvent>()
  const onEvent = (event: RoundProgressEvent) => events.push(event)
  const { hear } = await aDriver(context, { directory, plan, signers, work: new Idle(0), fetch, onEvent })
  return {
    /** Members whose block takes 100 bytes, and 10. */
    large,
    small,
    put,
    commit: (member: number, list: CommitList) =>
      hear(member, { type: 'commit', round: 1, root: put(encodeCommitList(list)) }),
    commitTo: (member: number, root: string) => hear(member, { type: 'commit', round: 1, root }),
    /** The first event to come that this is true of. */
    async until(wanted: (event: RoundProgressEvent) => boolean) {
      for (;;) if (wanted(await events.next())) return
    },
  }
}

const refused = (event: RoundProgressEvent) => event.type === 'note' && event.text.includes('refused')
const accepted = (event: RoundProgressEvent) => event.type === 'contributions' && event.valid === 1

test('bytes that are too long for one block may be good for another, whoever named them first', async (context) => {
  const { commit, large, put, small, until } = await scene(context)
  const root = put(new Uint8Array(50))
  commit(small, [{ block: 1, root, bytes: SMALL }])
  await until(refused)
  commit(large, [{ block: 0, root, bytes: 50 }])
  await until(accepted)
})

test('bytes that are held for one block may be too long for another', async (context) => {
  const { commit, large, put, small, until } = await scene(context)
  const root = put(new Uint8Array(50))
  commit(large, [{ block: 0, root, bytes: 50 }])
  await until(accepted)
  commit(small, [{ block: 1, root, bytes: SMALL }])
  await until(refused)
})

test('a member that commits to the contribution of another does not spoil it', async (context) => {
  const { commit, commitTo, large, put, small, until } = await scene(context)
  const root = put(new Uint8Array(50))
  commitTo(small, root)
  await until(refused)
  commit(large, [{ block: 0, root, bytes: 50 }])
  await until(accepted)
})
