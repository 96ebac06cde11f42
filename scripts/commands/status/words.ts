/** The status of a peer for people. */
import type { PeerStatus } from '../../../peers/status/status.ts'
import { shown } from '../../../protocols/plan/site-name.ts'
import { countedText } from '../../progress/counted.ts'
import { table } from '../../report/table.ts'
import { bytes, counted, duration, timeLeft } from '../../terminal/numbers.ts'

/** The digits of a federation's id in messages. */
const SHOWN_DIGITS = 8
const SHOWN_PEER = 16

const DOING: Record<PeerStatus['phase'], string> = {
  founding: 'waiting for other sites to join',
  signing: 'all sites are here, and sign the plan',
  working: 'at work on its own part',
  waiting: 'waiting for the parts of others',
  checking: 'checking what the others have sent',
  merging: 'merging',
  voting: 'voting',
  writing: 'writing the model',
  serving: 'done; it serves the others until they are done too',
  stopped: 'no peer runs; this is what the disk has',
  finished: 'finished',
}

/** @param now - milliseconds since 1970 */
export function statusInWords(status: PeerStatus, now: number): string {
  const { federation, members, phase, round, rounds, attempt, size } = status
  const id = federation?.slice(0, SHOWN_DIGITS)
  const where = round === null || rounds === null || phase === 'finished' ? '' : `, round ${round} of ${rounds}`
  const again = attempt > 1 ? `, attempt ${attempt}` : ''
  const here = phase === 'founding' ? ` (${members.length} of ${size ?? '?'} here)` : ''
  return [
    `${id === undefined ? 'No federation yet' : `Federation ${id}`}${where}: ${DOING[phase]}${here}${again}`,
    ...progressLine(status),
    ...waitLine(status, now),
    ...(status.members.length === 0 ? [] : ['', memberTable(status, now), '']),
    ...factLines(status, now),
    ...nextLines(status),
  ].join('\n')
}

function progressLine({ work, progress }: PeerStatus): string[] {
  const own = work === null ? [] : [countedText('Own part', 'step', work.done, work.total)]
  const all =
    progress === null
      ? []
      : [`${Math.floor(progress.share * 100)} % of the whole, ${timeLeft(progress.secondsLeft)} left`]
  const parts = [...own, ...all]
  return parts.length === 0 ? [] : [parts.join(' · ')]
}

function waitLine({ members, phase, needed, deadline }: PeerStatus, now: number): string[] {
  if (phase !== 'waiting') return []
  const names = members.filter(({ awaited }) => awaited).map(({ site }) => shown(site))
  if (names.length === 0) return []
  const sent = members.filter((member) => member.sent).length
  const limit =
    deadline === null
      ? `${needed} must have sent before the others are waited for no longer`
      : `a quorum is here; at most ${timeLeft((Date.parse(deadline) - now) / 1000)} more`
  return [`Waiting for ${names.join(', ')}: ${sent} of ${sent + names.length} have sent; ${limit}`]
}

function memberTable({ members, running }: PeerStatus, now: number): string {
  const rows = members.map(({ site, peer, self, sent, awaited, connected, heard }) => [
    `${self ? '* ' : '  '}${shown(site)}`,
    `${peer.slice(0, SHOWN_PEER)}...`,
    sent === null ? '' : sent ? 'yes' : awaited ? 'awaited' : 'no',
    ...(running ? [connected === true ? 'yes' : 'through others', self ? '' : heardText(heard, now)] : []),
  ])
  return table([['  site', 'peer id', 'has sent', ...(running ? ['linked', 'heard'] : [])], ...rows])
}

function heardText(heard: string | null, now: number): string {
  return heard === null ? 'not yet' : `${duration(Math.max(0, (now - Date.parse(heard)) / 1000))} ago`
}

function factLines(status: PeerStatus, now: number): string[] {
  const { bytes: traffic, memory, pid, refused, out, began, data } = status
  const rejected = refused.reduce((sum, each) => sum + each.rejected, 0)
  const excess = refused.reduce((sum, each) => sum + each.excess, 0)
  return [
    ...(traffic === null
      ? []
      : [
          `Sent ${bytes(traffic.sent)}, received ${bytes(traffic.received)}; its contributions are ${bytes(traffic.contributions)}.`,
        ]),
    ...(memory === null
      ? []
      : [`Process ${pid}: ${bytes(memory.now)} of memory, ${bytes(memory.peak)} with the engine at most.`]),
    ...(status.running ? [`Messages refused: ${rejected} malformed or forged, ${excess} too many.`] : []),
    ...(began === null ? [] : [`Founded ${duration(Math.max(0, (now - Date.parse(began)) / 1000))} ago.`]),
    ...(out === null ? [] : [`Results: ${out}`]),
    `Data: ${data}`,
  ]
}

function nextLines({ phase, federation, data, others }: PeerStatus): string[] {
  const goOn =
    phase === 'stopped'
      ? [`To go on: npx --no-install coppice resume ${federation?.slice(0, SHOWN_DIGITS)} --data ${data}`]
      : []
  const more =
    others.length === 0
      ? []
      : [
          `${counted(others.length, 'other federation')} here not finished: ${others.map((id) => id.slice(0, SHOWN_DIGITS)).join(', ')}`,
        ]
  return [...goOn, ...more]
}
