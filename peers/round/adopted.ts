/** A round that this peer has adopted: its report, and the blobs that are still needed afterwards. */
import type { Plan } from '../../protocols/plan/plan.ts'
import { certifiedRound } from '../../protocols/round/messages/certified-round.ts'
import type { Federation } from '../../protocols/round/messages/value.ts'
import type { EffectOf, RoundState } from '../../protocols/round/types.ts'
import type { Merges } from '../disk/merges.ts'
import type { Traffic } from '../network/counted-tcp.ts'
import type { RoundReport, RoundSummary } from './events.ts'

interface ReportComponents {
  plan: Plan
  federation: Federation
  merges: Merges
  traffic(): Traffic
}

export function reportOf(
  { id, value, manifest }: EffectOf<'adopted'>,
  { federation, merges, plan, traffic }: ReportComponents,
): RoundReport {
  return {
    ...certifiedRound(federation, plan.offer.model.blocks, { id, value }),
    value,
    zeros: merges.get(manifest).zeros,
    traffic: traffic(),
    merged: merges.files(manifest),
    fits: merges.fits(manifest),
  }
}

/** The part of a report that a peer remembers. */
export function summaryOf({ value: _value, merged: _merged, fits: _fits, ...summary }: RoundReport): RoundSummary {
  return summary
}

/**
 * The blobs to keep: the value, the blobs that its manifest names, and those that this round still uses.
 * @param fresh - blobs that are stored, but in no commit yet
 */
export function neededBlobs(
  { id, value }: EffectOf<'adopted'>,
  { commits, contributions, lists }: RoundState,
  fresh: ReadonlySet<string>,
): Set<string> {
  const open = Object.values(commits).flatMap((byRound) => Object.values(byRound).flat())
  return new Set([
    id,
    ...fresh,
    ...value.entries.map(({ root }) => root),
    ...open.flatMap(({ body }) => (body.type === 'commit' ? body.root : [])),
    ...Object.values(lists).flatMap((list) => (typeof list === 'string' ? [] : list.map(({ root }) => root))),
    ...Object.values(contributions).flatMap((byId) => Object.keys(byId).map((id) => id.split('/')[0])),
  ])
}
