/**
 * How much of a command's work is done, and how long the rest takes. Work comes in pieces; each is of a kind and has a
 * cost, the seconds that it is expected to take. The measured seconds of each kind correct the costs of what is left of
 * it, and until a kind has been measured, all measured kinds do. Nothing but the clock that is handed in is read.
 */

/** A piece of work. */
export interface Work {
  kind: string
  /** Expected seconds. Only the proportions matter once something was measured. */
  cost: number
  /** The share of the cost that the last of counted steps takes; absent: all steps take the same. */
  lastStep?: number
}

/** A piece of work that is being done. */
export interface RunningWork {
  /** @param share - of the piece that is done, 0 to 1 */
  reach(share: number): void
  /** A share of the piece was done by an earlier run: no seconds belong to it. Called before `reach`. */
  goesOnFrom(share: number): void
  /** The piece is done, or given up: nothing of it is left. */
  end(): void
}

/** The forecast at one moment. */
export interface Forecast {
  /** The share of all work that is done: 0 to 0.99, and never less than it was before. */
  share: number
  /** Seconds until all is done. */
  left: number
}

/** A kind's own measurements count as much as its forecast once this share of its work is measured. */
const TRUST_SHARE = 0.04
/** Nothing is forecast before this many seconds were measured: the first jobs are short, and start processes. */
const LEAST_SECONDS = 2
/** A piece that takes longer than expected takes at least this share of its seconds so far longer. */
const OVERTIME_SHARE = 0.15
/** Unfinished work never looks finished. */
const MOST_SHARE = 0.99

/** The pieces of one kind. */
interface Kind {
  /** The cost of all pieces: as expected, and more where more have begun. */
  expected: number
  /** The cost of the pieces that have begun. */
  begun: number
  /** The cost of what is done, and the part of it that was measured with its seconds. */
  done: number
  measured: number
  seconds: number
}

/** A piece that is being done. */
interface Piece {
  kind: Kind
  cost: number
  share: number
  /** Seconds since `share` was reached. */
  since: number
}

export class WorkPlan {
  private readonly now: () => number
  private readonly kinds = new Map<string, Kind>()
  private readonly running = new Set<Piece>()
  private isExpected = false
  /** Until when the clock has been read. */
  private at: number
  private most = 0

  /** @param now - a clock in milliseconds, monotonic */
  constructor(now: () => number) {
    this.now = now
    this.at = now()
  }

  /** Adds work that is still to come. Without any of it nothing is forecast. */
  expect(works: Iterable<Work>): void {
    for (const { kind, cost } of works) this.kindOf(kind).expected += cost
    this.isExpected = true
  }

  /** A piece of work begins. Pieces that are done at the same time share the seconds. */
  begin({ kind: name, cost }: Work): RunningWork {
    this.pass()
    const kind = this.kindOf(name)
    kind.begun += cost
    kind.expected = Math.max(kind.expected, kind.begun)
    const piece: Piece = { kind, cost, share: 0, since: 0 }
    this.running.add(piece)
    return {
      reach: (share) => this.reach(piece, share),
      goesOnFrom: (share) => {
        this.pass()
        piece.since = 0
        this.advance(piece, share)
      },
      end: () => {
        this.reach(piece, 1)
        this.running.delete(piece)
      },
    }
  }

  /** null: nothing was expected, or too little is known yet. */
  forecast(): Forecast | null {
    this.pass()
    const kinds = [...this.kinds.values()]
    const seconds = kinds.reduce((sum, kind) => sum + kind.seconds, 0)
    const sinces = [...this.running].reduce((sum, { since }) => sum + since, 0)
    if (!this.isExpected || seconds + sinces < LEAST_SECONDS) return null
    const speed = this.speed(kinds, sinces)
    let [done, left] = [0, 0]
    for (const kind of kinds) {
      const rate = rateOf(kind, speed)
      const pieces = [...this.running].filter((piece) => piece.kind === kind)
      done += rate * kind.done
      left += rate * Math.max(0, kind.expected - kind.begun)
      for (const { cost, share, since } of pieces) {
        const rest = rate * cost * (1 - share)
        left += Math.max(rest - since, since * OVERTIME_SHARE)
        done += Math.min(since, rest)
      }
    }
    const share = done + left === 0 ? 0 : done / (done + left)
    this.most = Math.max(this.most, Math.min(share, MOST_SHARE))
    return { share: this.most, left }
  }

  /** Seconds a second of cost, over all kinds. A long piece that cannot be counted tells at least how slow it is. */
  private speed(kinds: readonly Kind[], sinces: number): number {
    const all = kinds.reduce((sum, { expected }) => sum + expected, 0)
    const measured = kinds.reduce((sum, kind) => sum + kind.measured, 0)
    const seconds = kinds.reduce((sum, kind) => sum + kind.seconds, 0)
    const trust = TRUST_SHARE * all
    const rest = [...this.running].reduce((sum, { cost, share }) => sum + cost * (1 - share), 0)
    const slow = rest === 0 || measured > 0 ? 1 : Math.max(1, sinces / rest)
    return (seconds + trust * slow) / (measured + trust || 1)
  }

  private kindOf(name: string): Kind {
    const known = this.kinds.get(name)
    if (known !== undefined) return known
    const kind: Kind = { expected: 0, begun: 0, done: 0, measured: 0, seconds: 0 }
    this.kinds.set(name, kind)
    return kind
  }

  private reach(piece: Piece, share: number): void {
    if (!this.running.has(piece)) return
    this.pass()
    const cost = this.advance(piece, share)
    if (cost === 0) return
    piece.kind.measured += cost
    piece.kind.seconds += piece.since
    piece.since = 0
  }

  /** Returns the cost of what was done. */
  private advance(piece: Piece, share: number): number {
    const cost = piece.cost * Math.max(0, Math.min(share, 1) - piece.share)
    piece.share = Math.max(piece.share, Math.min(share, 1))
    piece.kind.done += cost
    return cost
  }

  /** The seconds since the last look belong to all that was done in them, in equal parts. */
  private pass(): void {
    const now = this.now()
    const each = (now - this.at) / 1000 / Math.max(1, this.running.size)
    for (const piece of this.running) piece.since += each
    this.at = now
  }
}

/** Seconds a second of cost of one kind: its own speed, as far as it is known, and that of all kinds otherwise. */
function rateOf({ expected, measured, seconds }: Kind, speed: number): number {
  const trust = TRUST_SHARE * expected
  return measured + trust === 0 ? speed : (seconds + trust * speed) / (measured + trust)
}
