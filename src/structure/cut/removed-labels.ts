/** The labels of removed places, and the places of axes that are left. */

import type { FollowedBlock } from '../find/follow-blocks.ts'
import type { Axes, Axis, Labels } from '../find/labels.ts'
import type { RemovedUnits } from '../find/removal.ts'

/** Whether a label's class is removed. */
export type IsRemoved = (label: number) => boolean

export function removedLabels({ model, followed }: FollowedBlock, removed: readonly RemovedUnits[]): IsRemoved {
  const roots = new Set<number>()
  for (const { structure, units } of removed) {
    const [{ tensor, axis, places }] = structure.members
    const labels = followed.axes.get(model.weights.get(tensor) ?? tensor)?.[axis]
    if (!labels) throw new Error(`"${tensor}" was not followed`)
    // Labels of repeats say how many units each group loses; sizes do not depend on the choice among them.
    const marked = structure.groups === 1 ? units : units.slice(0, units.length / structure.groups).map((_, k) => k)
    for (const unit of marked) for (const place of places[unit]) roots.add(followed.labels.find(labels[place]))
  }
  return (label) => roots.has(followed.labels.find(label))
}

/** The places that are left, one entry for each axis that gets shorter. */
export function changedAxes(axes: Axes, gone: IsRemoved): Map<number, number> {
  const changed = new Map<number, number>()
  for (const [axis, labels] of axes.entries()) {
    if (labels === null) continue
    const kept = keptOf(labels, gone)
    if (kept !== labels.length) changed.set(axis, kept)
  }
  return changed
}

export function keptOf(labels: Int32Array, gone: IsRemoved): number {
  return labels.reduce((sum, label) => sum + (gone(label) ? 0 : 1), 0)
}

/** Whether the labels of an axis repeat this many times, as those of heads do if windows were merged with them. */
export function repeats(labels: Labels, axis: Axis, times: number): boolean {
  if (axis === null || times === 1 || axis.length % times !== 0) return false
  const each = axis.length / times
  return axis.every((label, place) => labels.same(label, axis[place % each]))
}
