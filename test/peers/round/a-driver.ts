/** A real driver over the files of a directory, with everything around it in the hands of a test. */
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { CertificateChain } from '../../../peers/disk/certificates.ts'
import { Journal } from '../../../peers/disk/journal.ts'
import { Merges } from '../../../peers/disk/merges.ts'
import { SignedPlans } from '../../../peers/disk/signed-plans.ts'
import { BlobStore } from '../../../peers/disk/store.ts'
import { Post } from '../../../peers/network/gossip.ts'
import { systemClock } from '../../../peers/round/clock.ts'
import { Driver, type DriverResult } from '../../../peers/round/driver.ts'
import type { RoundProgressEvent } from '../../../peers/round/events.ts'
import { federationOf } from '../../../peers/round/federation.ts'
import type { BlobClient } from '../../../protocols/blob/client.ts'
import { type Body, encodeEnvelope, makeEnvelope } from '../../../protocols/round/messages/messages.ts'
import type { Clock } from '../../../protocols/stream/time.ts'
import type { MatrixWork } from '../../support/matrices.ts'
import type { aPlan } from '../../support/people.ts'

export const SELF = 0

interface DriverInit extends ReturnType<typeof aPlan> {
  /** That of the federation, and of the site. */
  directory: string
  work: MatrixWork
  fetch: BlobClient['fetch']
  clock?: Clock
  onEvent(event: RoundProgressEvent): void
  /** A message leaves for the others. */
  onSent?(bytes: Uint8Array): void
}

/** Starts the driver of member SELF; it ends with the test at the latest. */
export async function aDriver(context: TestContext, init: DriverInit) {
  const { directory, plan, signers, work, clock = systemClock } = init
  const federation = federationOf(plan)
  const store = await BlobStore.open(join(directory, 'blobs'))
  const signed = await SignedPlans.open(directory)
  await signed.sign(signers[SELF], plan)
  const journal = await Journal.open({ directory, plan: plan.id, rounds: 0, signed })
  const driver = new Driver({
    plan,
    federation,
    self: SELF,
    signer: signers[SELF],
    work,
    store,
    sums: null,
    merges: await Merges.open(join(directory, 'merges'), work, store),
    journal,
    chain: await CertificateChain.open(join(directory, 'certificates'), plan, federation),
    blobs: { fetch: init.fetch },
    clock,
    peerIds: plan.members.map(({ site }) => site),
    traffic: () => ({ sentBytes: 0, receivedBytes: 0 }),
    finish: async () => undefined,
    keepMerges: false,
    onEvent: init.onEvent,
  })
  const post = new Post({
    plan,
    publish: async (bytes) => init.onSent?.(bytes),
    isStale: (envelope) => driver.isStale(envelope),
    onMessage: (envelope) => driver.handIn({ type: 'message', envelope }),
    now: () => 0,
    onHostile(neighbour) {
      throw new Error(`${neighbour} is hostile`)
    },
  })
  const stopping = new AbortController()
  const running: Promise<DriverResult> = driver.run({ post, catchUp: () => undefined }, stopping.signal)
  running.catch(() => undefined)
  const stop = async () => {
    stopping.abort(new Error('stopped'))
    await running.catch(() => undefined)
    await journal.close()
    await signed.close()
  }
  context.after(stop)
  return {
    federation,
    journal,
    stop,
    running,
    /** Another member has said this. */
    hear(member: number, body: Body): void {
      const envelope = makeEnvelope(signers[member], federation.id, member, body)
      post.receive(encodeEnvelope(envelope), plan.members[member].site)
    },
  }
}
