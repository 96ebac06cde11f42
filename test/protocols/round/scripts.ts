/**
 * Runs scripts in the manner of etcd-raft's interaction tests: commands, a line of dashes, all that the machines then
 * do. Nothing happens that the script does not ask for: messages lie in queues until they are delivered, work until
 * it is done, timers until they are fired.
 *
 *     federation members=4 blocks=1 rounds=1   before anything else
 *     start 0 1                                 members begin; without numbers: all
 *     prune 0                                   pruning is done
 *     deliver to=1 from=0 type=commit           hands in queued messages, oldest first, also those that this causes;
 *                                               every filter may be left out, and lists members as in to=1,2
 *     drop to=1 type=prevote                    loses queued messages
 *     work 0 what=fetch                         answers requests (fetch, validate, merge, measure) until none is left
 *     fire 0 propose                            a timer runs out
 *     tick 0 times=60                           so many status intervals go by
 *     lie 0 prevote round=1 attempt=0 value=V1 to=2     a message as only a liar sends it
 *     restart 0                                 forgets all but what is on disk, and starts
 *     wrong 0                                   its merges give another root from here on
 *     hurt 0 with=3                             a merge with new contributions of this member harms it
 *     show 0                                    where it stands
 *     settle                                    delivers and works until nothing moves; timers stay
 *
 * `quiet` before a command leaves out its output. Hashes have names: V1 the first value, M1 the first merge, L0.1 the
 * commit list of member 0 in round 1, C0.2.1 its contribution to block 2 in round 1.
 */
import assert from 'node:assert/strict'
import { initialState, step } from '../../../protocols/round/machine.ts'
import { type Certificate, certificateId } from '../../../protocols/round/messages/certificate.ts'
import type { Body, Envelope, Hash } from '../../../protocols/round/messages/messages.ts'
import {
  type Certified,
  decodeCommitList,
  decodeValue,
  encodeCommitList,
  type Federation,
  type ManifestEntry,
} from '../../../protocols/round/messages/value.ts'
import type { Context, Effect, RoundEvent, RoundState } from '../../../protocols/round/types.ts'
import { commitList, hashName, listRoot, makeContext, makeFederation, mergeOf, unsigned } from './world.ts'

type Work = Extract<Effect, { type: 'fetch' | 'validate' | 'merge' | 'measure' }>

interface Peer {
  context: Context
  state: RoundState
  started: boolean
  pruning: number | null
  work: Work[]
  timers: Set<string>
  log: Body[]
  last: Certified | null
  merges: Map<Hash, readonly ManifestEntry[]>
  wrong: boolean
  hurtBy: number | null
}

interface Post {
  envelope: Envelope
  to: number
}

/** Words of a command: plain ones in order, and `key=value`. */
interface Command {
  name: string
  words: string[]
  options: Map<string, string>
}

export class Script {
  #federation: Federation = makeFederation({ members: 0, blocks: 0, rounds: 0 })
  #peers: Peer[] = []
  #post: Post[] = []
  #blobs = new Map<Hash, Uint8Array | 'contribution'>()
  #names = new Map<Hash, string>()
  #counts = new Map<string, number>()
  #out: string[] = []

  /** Runs one command; returns what happened, a line each. */
  run(line: string): string[] {
    this.#out = []
    const quiet = line.startsWith('quiet ')
    const [name, ...rest] = line.replace(/^quiet /, '').split(/\s+/)
    const words = rest.filter((word) => !word.includes('='))
    const options = new Map(
      rest.filter((word) => word.includes('=')).map((word) => word.split('=') as [string, string]),
    )
    const command = this.#commands[name]
    assert.ok(command, `unknown command: ${line}`)
    command({ name, words, options })
    return quiet ? [] : this.#out.length === 0 ? ['nothing'] : this.#out
  }

  readonly #commands: Record<string, (command: Command) => void> = {
    federation: (command) => this.#begin(command),
    start: (command) => this.#each(command, (self) => this.#start(self)),
    prune: (command) => this.#each(command, (self) => this.#prune(self)),
    deliver: (command) => this.#deliver(command),
    drop: (command) => {
      this.#post = this.#post.filter((post) => !matches(command, post))
    },
    work: (command) => this.#each(command, (self) => this.#work(self, command.options.get('what'))),
    fire: ({ words }) => this.#fire(Number(words[0]), words[1]),
    tick: (command) => this.#each(command, (self) => this.#tick(self, Number(command.options.get('times') ?? 1))),
    lie: (command) => this.#lie(command),
    restart: (command) => this.#each(command, (self) => this.#restart(self)),
    wrong: (command) => this.#each(command, (self) => (this.#peers[self].wrong = true)),
    hurt: (command) => this.#each(command, (self) => (this.#peers[self].hurtBy = Number(command.options.get('with')))),
    show: (command) => this.#each(command, (self) => this.#show(self)),
    settle: () => this.#settle(),
  }

  #each({ words }: Command, act: (self: number) => void): void {
    for (const self of words.length > 0 ? words.map(Number) : this.#peers.keys()) act(self)
  }

  #begin({ options }: Command): void {
    const number = (key: string, otherwise: number) => Number(options.get(key) ?? otherwise)
    const untilChange = options.has('untilChange') ? number('untilChange', 0) : null
    const blocks = number('blocks', 1)
    const world = { members: number('members', 4), blocks, rounds: number('rounds', 1), share: number('share', blocks) }
    this.#federation = makeFederation({ ...world, untilChange })
    this.#peers = Array.from({ length: world.members }, (_, self) => this.#newPeer(self))
    this.#out.push(`${world.members} members, quorum ${Math.floor((2 * world.members) / 3) + 1}`)
  }

  #newPeer(self: number): Peer {
    const context = makeContext(this.#federation, self)
    const state = initialState(context)
    const empty = {
      work: [],
      timers: new Set<string>(),
      log: [],
      last: null,
      merges: new Map(),
      wrong: false,
      hurtBy: null,
    }
    return { context, state, started: false, pruning: null, ...empty }
  }

  #start(self: number): void {
    const peer = this.#peers[self]
    peer.started = true
    this.#hand(self, { type: 'start', certificate: peer.last, log: peer.log, beat: 1000 * peer.log.length })
  }

  #restart(self: number): void {
    const { last, log, merges } = this.#peers[self]
    this.#peers[self] = { ...this.#newPeer(self), last, log, merges }
    this.#start(self)
  }

  #prune(self: number): void {
    const { pruning } = this.#peers[self]
    assert.ok(pruning !== null, `member ${self} does not prune`)
    const list = commitList(this.#federation, self, pruning)
    const root = listRoot(list)
    this.#blobs.set(root, encodeCommitList(list))
    this.#names.set(root, `L${self}.${pruning}`)
    for (const entry of list) {
      this.#blobs.set(entry.root, 'contribution')
      this.#names.set(entry.root, `C${self}.${entry.block}.${pruning}`)
    }
    this.#peers[self].pruning = null
    this.#hand(self, { type: 'pruned', round: pruning, root, list })
  }

  #deliver(command: Command): void {
    for (;;) {
      const next = this.#post.findIndex((post) => matches(command, post) && this.#peers[post.to].started)
      if (next < 0) return
      const [{ envelope, to }] = this.#post.splice(next, 1)
      this.#hand(to, { type: 'message', envelope })
    }
  }

  #work(self: number, what?: string): void {
    const { work } = this.#peers[self]
    for (;;) {
      const next = work.findIndex(({ type }) => what === undefined || type === what)
      if (next < 0) return
      const [effect] = work.splice(next, 1)
      this.#hand(self, this.#answer(self, effect))
    }
  }

  #answer(self: number, effect: Work): RoundEvent {
    if (effect.type === 'validate') {
      const { member, block, root } = effect
      return { type: 'validated', member, block, root, reason: null }
    }
    if (effect.type === 'merge') return this.#merge(self, effect)
    if (effect.type === 'measure') return this.#measure(self, effect)
    const blob = this.#blobs.get(effect.id)
    assert.ok(blob, `nobody has ${effect.what} ${this.#name(effect.id)}`)
    if (effect.what === 'contribution')
      return { type: 'held', member: effect.author, block: effect.block, root: effect.id }
    assert.ok(blob !== 'contribution')
    if (effect.what === 'list') return { type: 'list', root: effect.id, list: decodeCommitList(blob) }
    return { type: 'value', hash: effect.id, value: decodeValue(blob) }
  }

  #merge(self: number, { entries, manifest, previous }: Extract<Work, { type: 'merge' }>): RoundEvent {
    const { merges, wrong } = this.#peers[self]
    const before = previous === null ? null : (merges.get(previous) ?? null)
    const result = mergeOf(this.#federation, entries, before)
    merges.set(manifest, entries)
    return { type: 'merged', manifest, ...result, root: wrong ? hashName('wrong') : result.root }
  }

  #measure(self: number, { manifest }: Extract<Work, { type: 'measure' }>): RoundEvent {
    const { hurtBy, merges } = this.#peers[self]
    const isIn = merges.get(manifest)?.some(({ member }) => member === hurtBy) ?? false
    return { type: 'measured', manifest, harm: isIn ? 2 : 1 }
  }

  #fire(self: number, name: string): void {
    const id = [...this.#peers[self].timers].find((timer) => timer.split('/')[0] === name)
    assert.ok(id, `member ${self} has no timer ${name}`)
    this.#peers[self].timers.delete(id)
    this.#hand(self, { type: 'timer', id })
  }

  #tick(self: number, times: number): void {
    for (let i = 0; i < times && this.#peers[self].state.step !== 'stopped'; i++) this.#fire(self, 'status')
  }

  #lie({ words, options }: Command): void {
    const [from, type] = words
    const number = (key: string) => Number(options.get(key) ?? 0)
    const named = options.get('value') ?? 'nil'
    const value = named === 'nil' ? null : ([...this.#names].find(([, name]) => name === named)?.[0] ?? hashName(named))
    const place = { round: number('round'), attempt: number('attempt') }
    let body: Body
    if (type === 'commit') body = { type, round: place.round, root: value ?? hashName('lie') }
    else if (type === 'proposal')
      body = { type, ...place, value: value ?? hashName('lie'), polRound: Number(options.get('pol') ?? -1) }
    else body = { type: type as 'prevote' | 'precommit', ...place, value }
    for (const to of (options.get('to') ?? '').split(',').map(Number)) {
      this.#hand(to, { type: 'message', envelope: unsigned(this.#federation, Number(from), body) })
    }
  }

  #settle(): void {
    const all: Command = { name: 'deliver', words: [], options: new Map() }
    const busy = () =>
      this.#post.some(({ to }) => this.#peers[to].started) || this.#peers.some(({ work }) => work.length > 0)
    while (busy()) {
      this.#deliver(all)
      for (const self of this.#peers.keys()) this.#work(self)
    }
  }

  #show(self: number): void {
    const { attempt, last, locked, round, step, valid } = this.#peers[self].state
    const lock = locked === null ? 'nothing' : `${this.#name(locked.value)}@${locked.attempt}`
    const known = valid === null ? 'nothing' : `${this.#name(valid.value)}@${valid.attempt}`
    const certificate = last === null ? 'none' : this.#name(last.id)
    this.#out.push(
      `${self}: round ${round}, attempt ${attempt}, ${step}; locked ${lock}, valid ${known}; certificate ${certificate}`,
    )
  }

  #hand(self: number, event: RoundEvent): void {
    const peer = this.#peers[self]
    const { state, effects } = step(peer.context, peer.state, event)
    peer.state = state
    const heard: Envelope[] = []
    for (const effect of effects) this.#carryOut(self, effect, heard)
    for (const envelope of heard) this.#hand(self, { type: 'message', envelope })
  }

  #carryOut(self: number, effect: Effect, heard: Envelope[]): void {
    const peer = this.#peers[self]
    switch (effect.type) {
      case 'persist':
        peer.log.push(effect.body)
        break
      case 'send': {
        const envelope = unsigned(this.#federation, self, effect.body)
        heard.push(envelope)
        for (const { context } of this.#peers) {
          if (context.self !== self && effect.body.type !== 'status') this.#post.push({ envelope, to: context.self })
        }
        break
      }
      case 'store':
        this.#blobs.set(effect.hash, effect.bytes)
        break
      case 'prune':
        peer.pruning = effect.round
        break
      case 'fetch':
      case 'validate':
      case 'merge':
      case 'measure':
        peer.work.push(effect)
        break
      case 'adopted':
        peer.last = { id: effect.id, value: effect.value }
        break
      case 'setTimer':
        peer.timers.add(effect.id)
        break
      case 'clearTimer':
        peer.timers.delete(effect.id)
        break
    }
    const words = this.#effectInWords(effect)
    if (words !== null) this.#out.push(`${self}: ${words}`)
  }

  /** Null for what would only fill the page: statuses, and the timer behind them. */
  #effectInWords(effect: Effect): string | null {
    switch (effect.type) {
      case 'persist':
      case 'send':
        return effect.body.type === 'status' ? null : `${effect.type} ${this.#bodyInWords(effect.body)}`
      case 'store':
        return `store ${this.#name(effect.hash, 'V')}`
      case 'prune':
        return `prune round ${effect.round}, blocks ${effect.blocks.join(' ')}`
      case 'fetch':
        return `fetch ${effect.what} ${this.#name(effect.id)} of ${effect.author}`
      case 'validate':
        return `validate ${this.#name(effect.root)}`
      case 'merge':
        return `merge ${this.#name(effect.manifest, 'M')}: ${effect.entries.map(({ root }) => this.#name(root)).join(' ')}`
      case 'measure':
        return `measure ${this.#name(effect.manifest)}`
      case 'certificate':
        return `certificate ${this.#name(effect.id)} signed by ${signers(effect.certificate)}`
      case 'adopted':
        return `adopted ${this.#name(effect.id)}${effect.last ? ', the last' : ''}`
      case 'catchUp':
        return `catch up from round ${effect.round} at ${effect.member}`
      case 'setTimer':
        return effect.id === 'status' ? null : `set ${effect.id} ${effect.ms / 1000} s`
      case 'clearTimer':
        return `clear ${effect.id}`
      case 'note':
        return `# ${effect.text.replace(/\b[0-9a-f]{8,64}\b/g, (text) => this.#named(text))}`
      case 'exit':
        return `exit ${effect.reason}: ${effect.detail.replace(/\b[0-9a-f]{8,64}\b/g, (text) => this.#named(text))}`
      case 'abortPrune':
        return 'abort pruning'
    }
  }

  #bodyInWords(body: Body): string {
    switch (body.type) {
      case 'commit':
        return `commit ${this.#name(body.root)}`
      case 'proposal':
        return `proposal ${this.#name(body.value)}${body.polRound < 0 ? '' : ` with prevotes of ${body.polRound}`}`
      case 'prevote':
      case 'precommit':
        return `${body.type} ${body.value === null ? 'nil' : this.#name(body.value)}`
      default:
        return body.type
    }
  }

  /** The name of a hash; a new one of this kind where it has none. */
  #name(hash: Hash, kind = 'X'): string {
    const known = this.#names.get(hash)
    if (known !== undefined) return known
    const count = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, count)
    this.#names.set(hash, `${kind}${count}`)
    return `${kind}${count}`
  }

  #named(text: string): string {
    return [...this.#names].find(([hash]) => hash.startsWith(text))?.[1] ?? text
  }
}

function matches({ options }: Command, { envelope, to }: Post): boolean {
  const lists = (key: string, item: string) => options.get(key)?.split(',').includes(item) ?? true
  return lists('to', String(to)) && lists('from', String(envelope.from)) && lists('type', envelope.body.type)
}

function signers(certificate: Certificate): string {
  assert.ok(certificateId(certificate))
  return certificate.signatures.map(({ member }) => member).join(' ')
}
