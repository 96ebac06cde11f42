/** Messages that come again long after their round, when nobody remembers them: after a restart. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PeerId } from '@libp2p/interface'
import type { PeerNode } from '../../peers/network/node.ts'
import { systemClock } from '../../peers/round/clock.ts'
import { decodeEnvelope } from '../../protocols/round/messages/messages.ts'
import type { Clock } from '../../protocols/stream/time.ts'
import { assertOneRoot, BLOCKS, startFederation } from '../support/federations.ts'
import { MatrixWork } from '../support/matrices.ts'

const ROUNDS = 3
const MEMBERS = 4
const RETURNING = 3

/** Prunes until the last round, and waits there. */
class Waiting extends MatrixWork {
  readonly reached: Array<PromiseWithResolvers<void>> = [Promise.withResolvers(), Promise.withResolvers()]
  readonly gate = Promise.withResolvers<void>()
  private rounds = 0
  private runs = 0

  override async prune(job: Parameters<MatrixWork['prune']>[0]): Promise<void> {
    if (++this.rounds >= ROUNDS) {
      this.reached[this.runs++].resolve()
      const stopped = Promise.withResolvers<never>()
      job.signal.addEventListener('abort', () => stopped.reject(job.signal.reason))
      await Promise.race([this.gate.promise, stopped.promise])
    }
    return await super.prune(job)
  }
}

/** Members serve a minute for one whose last announcement is lost, as it may be to a peer that has just come back. */
const fast: Clock = { ...systemClock, pause: (ms, signal) => systemClock.pause(ms / 6, signal) }

type Handle = Parameters<PeerNode['joinTopic']>[1]

test('all messages of earlier rounds, heard again after a restart, change no round and convict nobody', async (context) => {
  const works = Array.from({ length: MEMBERS }, (_, member) => new Waiting(BLOCKS, member))
  const sent: Uint8Array[] = []
  let hear: Handle | null = null
  const senders: PeerId[] = []
  const running = await startFederation(context, {
    members: MEMBERS,
    topology: 'mesh',
    offer: { rounds: ROUNDS },
    work: (member) => works[member],
    clock: fast,
    onNode(node, member) {
      senders[member] = node.libp2p.peerId
      const [publish, joinTopic] = [node.publish.bind(node), node.joinTopic.bind(node)]
      node.publish = (bytes) => {
        sent.push(bytes)
        return publish(bytes)
      }
      node.joinTopic = (topic, handle) => {
        if (member === RETURNING) hear = handle
        joinTopic(topic, handle)
      }
    },
  })
  for (const { reached } of works) await reached[0].promise
  await running.stop(RETURNING)
  const early = sent.filter((bytes) => {
    const { body } = decodeEnvelope(bytes)
    return 'round' in body && body.round < ROUNDS
  })
  running.peers[RETURNING] = running.back(RETURNING)
  await works[RETURNING].reached[1].promise
  const before = running.events[RETURNING].length
  const verdicts = new Set<string>()
  const again = () => {
    for (const bytes of early) verdicts.add(hear?.(bytes, senders[0]) ?? 'not heard')
  }
  again()
  verdicts.clear()
  again()
  assert.deepEqual([...verdicts], ['ignore'], 'each is passed on once at most')
  for (const { gate } of works) gate.resolve()
  const results = await Promise.all(running.peers)
  assertOneRoot({ ...running, results })
  assert.equal(results[0].rounds.length, ROUNDS)
  for (const event of running.events[RETURNING].slice(before)) {
    if (event.type === 'step') assert.ok(event.round === ROUNDS && event.attempt === 0, JSON.stringify(event))
    if (event.type === 'note') assert.doesNotMatch(event.text, /equivocat|excluded|convict|evidence/i)
  }
  assert.ok(early.length >= 2 * 3 * MEMBERS, `${early.length} messages`) // commit and two votes, in two rounds
})
