/**
 * Labels for the places along an axis: places that must be removed together have one class. This is a union-find
 * (Tarjan 1975). It remembers for each class whether it stays in any case, whether it consists of repeats, and the
 * reason if it cannot be removed.
 */

/** One label a place along an axis; null: nothing along this axis is removed. */
export type Axis = Int32Array | null

/** One entry an axis of a value. */
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

  /** Unites two axes place by place. If one has no labels, the result has those of the other. */
  uniteAxes(a: Axis, b: Axis): Axis {
    if (a === null || b === null) return a ?? b
    if (a.length !== b.length) throw new RangeError(`axes of ${a.length} and ${b.length} places`)
    for (const [k, label] of a.entries()) this.unite(label, b[k])
    return a
  }

  /**
   * Marks an axis along which nothing is removed: the residual stream's, or that of keys whose queries alone are
   * removed.
   */
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

  /** @param why - the obstacle to removing these places, for the message */
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
