/**
 * Labels for the places along an axis: what must be removed together has one class. A union-find (Tarjan 1975) that
 * remembers of a class whether it stays in any case, whether it is one of repeats, and why it cannot be removed if it
 * cannot.
 */

/** By place along an axis; null: nothing that is removed lies along it. */
export type Axis = Int32Array | null

/** By axis of a value. */
export type Axes = readonly Axis[]

export class Labels {
  private readonly parents: number[] = []
  private readonly kept = new Set<number>()
  private readonly repeats = new Set<number>()
  private readonly locked = new Map<number, string>()

  /** A class of its own for each place. */
  fresh(count: number): Int32Array {
    const first = this.parents.length
    for (let k = 0; k < count; k++) this.parents.push(first + k)
    return Int32Array.from({ length: count }, (_, k) => first + k)
  }

  /** The class's representative. */
  find(label: number): number {
    let root = label
    while (this.parents[root] !== root) root = this.parents[root]
    for (let at = label; at !== root; ) {
      const next = this.parents[at]
      this.parents[at] = root
      at = next
    }
    return root
  }

  same(a: number, b: number): boolean {
    return this.find(a) === this.find(b)
  }

  unite(a: number, b: number): void {
    const [x, y] = [this.find(a), this.find(b)]
    if (x === y) return
    const [low, high] = x < y ? [x, y] : [y, x]
    this.parents[high] = low
    for (const marked of [this.kept, this.repeats]) if (marked.delete(high)) marked.add(low)
    const why = this.locked.get(high)
    if (why !== undefined && !this.locked.has(low)) this.locked.set(low, why)
    this.locked.delete(high)
  }

  /** Place by place. Of two axes one of which has no labels, the other's. */
  uniteAxes(a: Axis, b: Axis): Axis {
    if (a === null || b === null) return a ?? b
    if (a.length !== b.length) throw new RangeError(`axes of ${a.length} and ${b.length} places`)
    for (const [k, label] of a.entries()) this.unite(label, b[k])
    return a
  }

  /** Nothing is removed along this axis: the residual stream's, or of keys whose queries alone go. */
  keep(axis: Axis): void {
    for (const label of axis ?? []) this.kept.add(this.find(label))
  }

  isKept(label: number): boolean {
    return this.kept.has(this.find(label))
  }

  /** A class of its own for each repeat of what lies along the other axes. */
  freshRepeats(count: number): Int32Array {
    const axis = this.fresh(count)
    for (const label of axis) this.repeats.add(label)
    return axis
  }

  isRepeat(label: number): boolean {
    return this.repeats.has(this.find(label))
  }

  /** @param why - what would have to be understood to remove these */
  lock(axis: Axis, why: string): void {
    for (const label of axis ?? []) {
      const root = this.find(label)
      if (!this.locked.has(root)) this.locked.set(root, why)
    }
  }

  whyLocked(label: number): string | undefined {
    return this.locked.get(this.find(label))
  }
}
