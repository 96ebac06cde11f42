/**
 * docs/reference/screens.md: a screen of every state of a peer, made by the code that draws them, from events as a
 * federation of four sites has them.
 */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { identityFromSeed } from '../../peers/disk/identity.ts'
import { TextLedger } from '../../peers/kept/text-ledger.ts'
import type { PeerEvent } from '../../peers/round/events.ts'
import { statusSchema } from '../../peers/status/status.ts'
import { StatusBook } from '../../peers/status/status-book.ts'
import { makeAcceptance } from '../../protocols/plan/acceptance.ts'
import { makeOffer } from '../../protocols/plan/offer.ts'
import { makePlan, type Plan } from '../../protocols/plan/plan.ts'
import { peerIdText } from '../../protocols/plan/site-name.ts'
import type { Step } from '../../protocols/round/messages/messages.ts'
import { toHex } from '../../protocols/wire/encoding.ts'
import { signerOf } from '../../protocols/wire/signing.ts'
import { statusInWords } from '../commands/status/words.ts'
import { FoundingTalk } from '../common/site/founding.ts'
import { keptHint } from '../common/site/kept-hint.ts'
import { narrator } from '../common/site/narrator.ts'
import { planText } from '../common/site/site.ts'
import { InterruptedError } from '../terminal/interruption.ts'
import { endingOf } from '../terminal/refusal.ts'
import { Terminal } from '../terminal/terminal.ts'

const COLUMNS = 100
const WIPE = '\r\x1b[K'
const NAMES = ['North clinic', 'South lab', 'East court', 'West school']
const SECRET = new Uint8Array(16).fill(7)
const DATA = '/home/north/.local/state/coppice'
const OUT = '/home/north/coppice-out'
/** 2026-11-28 09:00 UTC. */
const AT = Date.UTC(2026, 10, 28, 9)
const ADDRESS = '/ip4/192.0.2.7/tcp/4001'

const HEAD = `# Screens

A screen of every state of a peer, 100 columns wide. \`npm run screens\` makes this page; a test compares it with the code.
[A running peer](status.md) explains them.
`

/** A terminal that shows what a person would see, with a clock that is moved by hand. */
class Screen {
  readonly isTTY = true
  readonly columns = COLUMNS
  private shown = ''
  private ms = 0
  private tick: () => void = () => undefined
  readonly terminal = new Terminal({
    stdout: this,
    stderr: this,
    json: false,
    now: () => this.ms,
    every: (_, call) => {
      this.tick = call
      return { stop: () => undefined }
    },
  })

  write(text: string): void {
    const [first, ...rest] = text.split(WIPE)
    this.shown += first
    for (const part of rest) this.shown = this.shown.slice(0, this.shown.lastIndexOf('\n') + 1) + part
  }

  /** So much of the work is done, in so many seconds. */
  works(share: number, seconds: number): void {
    const { work } = this.terminal
    work.expect([{ kind: 'prune', cost: 100 }])
    const piece = work.begin({ kind: 'prune', cost: 100 })
    this.ms += 1000 * seconds
    piece.reach(share)
    this.tick()
  }

  get text(): string {
    return this.shown.trimEnd()
  }
}

async function people(): Promise<{ plan: Plan; invitation: string }> {
  const signers = await Promise.all(NAMES.map(async (_, i) => signerOf((await identityFromSeed('screens', i)).raw)))
  const sealed = makeOffer({
    founder: signers[0].peerId,
    nonce: new Uint8Array(16).fill(9),
    model: { name: 'base', hash: new Uint8Array(32).fill(3), parameters: 134_515_008, blocks: 6 },
    method: { pruner: 'wanda', target: { kind: 'unstructured', ppm: 500_000 } },
    rounds: 4,
    untilChange: null,
    sample: 500_000,
    windows: 32,
    window: 512,
    members: NAMES.length,
    roundTimeoutMs: null,
  })
  const acceptances = signers.map((signer, i) =>
    makeAcceptance(signer, { offer: sealed.hash, secret: SECRET, site: NAMES[i], capacity: 500_000 }),
  )
  const line = `${ADDRESS}/p2p/${peerIdText(signers[0].peerId)}#${toHex(sealed.hash)}.${toHex(SECRET)}`
  return { plan: makePlan(sealed, acceptances, SECRET), invitation: line }
}

/** The whole page. */
export async function screensText(): Promise<string> {
  const { plan, invitation } = await people()
  const own = plan.members.find(({ site }) => site === NAMES[0]) ?? plan.members[0]
  const late = plan.members.findIndex(({ site }) => site === NAMES[1])
  const all = plan.members.map(({ index }) => index)
  const founded: PeerEvent = { type: 'founded', plan, planId: toHex(plan.id), out: OUT }
  const at = (step: Step, awaited: number[], until: number | null): PeerEvent => {
    const sent = all.filter((member) => !awaited.includes(member))
    const isRunningOut = until !== null
    const here = { round: 3, attempt: 0, step, sent, awaited, needed: 3, isRunningOut, isWorking: false }
    return { type: 'standing', look: () => ({ standing: here, until }) }
  }
  const straggler = at('collect', [late], AT + 97_000)

  const founding = () => {
    const screen = new Screen()
    const run = { terminal: screen.terminal, signal: new AbortController().signal }
    const ledger = TextLedger.open(join(tmpdir(), 'coppice-screens-have-none'))
    const talk = new FoundingTalk({ run, role: 'founder', own, ledger, data: DATA, yes: false })
    talk.show(planText(plan.offer, null))
    talk.onEvent({ type: 'invitation', line: invitation })
    talk.onEvent({ type: 'waiting', sites: [own], members: NAMES.length })
    return screen.text
  }
  const rounds = (events: PeerEvent[], share = 0.41, seconds = 27) => {
    const screen = new Screen()
    const tell = narrator(screen.terminal, () => AT)
    for (const event of [founded, ...events]) tell(event)
    screen.works(share, seconds)
    return screen.text
  }
  const book = (events: PeerEvent[]) => {
    const aside = () => ({ peakMemoryBytes: 612e6, progress: { share: 0.41, left: 38 } })
    const connected = new Map(plan.members.slice(0, 3).map(({ peer }) => [peerIdText(peer), null]))
    const traffic = () => ({ sentBytes: 7.2e6, receivedBytes: 6.9e6 })
    const self = peerIdText(own.peer)
    const told = new StatusBook({ data: DATA, self, traffic, neighbours: () => connected, aside })
    const heard = new Map(all.map((member) => [member, AT - 1000 * (3 + 7 * member)]))
    told.follows({ refused: () => [], payloadBytes: () => 26_000, heard, deadlines: () => new Map() })
    for (const event of [founded, ...events]) told.hear(event, AT - 125_000)
    const status = { ...statusSchema.parse(told.answer('status')), pid: 4711, memory: { now: 182e6, peak: 612e6 } }
    return statusInWords(status, AT)
  }
  const stopped = endingOf(
    new InterruptedError('SIGINT').withHint(keptHint(plan, { round: 3, done: 1, total: 3 }, DATA)),
  ).text

  const screens: [state: string, command: string, text: string][] = [
    ['Waiting for the other sites', 'coppice peer --members 4 ...', founding()],
    ['Pruning', '', rounds([{ type: 'prune', round: 3, done: 1, total: 3 }])],
    ['Waiting for a straggler', '', rounds([straggler])],
    ['The same, asked from another terminal', 'coppice status', book([straggler])],
    ['Voting', '', rounds([at('prevote', [], null)], 0.62, 48)],
    ['Writing', '', rounds([{ type: 'writing', directory: OUT }], 0.9, 90)],
    ['Serving', '', rounds([{ type: 'serving', own: [] }], 0.97, 97)],
    ['Stopped', '', stopped],
    [
      'Resumed',
      'coppice resume',
      rounds([
        { type: 'goingOn', plan, planId: toHex(plan.id), out: OUT, round: 3 },
        { type: 'prune', round: 3, done: 1, total: 3 },
      ]),
    ],
  ]
  return [HEAD, ...screens.map(([state, command, text]) => section(state, command, text))].join('\n')
}

function section(state: string, command: string, text: string): string {
  const prompt = command === '' ? '' : `$ npx --no-install ${command}\n`
  return `## ${state}\n\n\`\`\`\n${prompt}${text.trimEnd()}\n\`\`\`\n`
}
