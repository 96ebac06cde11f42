/** How much somebody may do: some at once, and more as time goes by (a token bucket for each). */

interface AllowanceInit {
  /** As much may come at once. */
  burst: number
  /** So much of it comes back. */
  aSecond: number
  /** Milliseconds; never goes back. */
  now(): number
}

export class Allowance<Who> {
  private readonly init: AllowanceInit
  private readonly left = new Map<Who, { amount: number; at: number }>()

  constructor(init: AllowanceInit) {
    this.init = init
  }

  /** Takes one; false where none is left. */
  take(who: Who): boolean {
    const { aSecond, burst, now } = this.init
    const at = now()
    const last = this.left.get(who) ?? { amount: burst, at }
    const amount = Math.min(burst, last.amount + (aSecond * (at - last.at)) / 1000)
    const isLeft = amount >= 1
    this.left.set(who, { amount: isLeft ? amount - 1 : amount, at })
    return isLeft
  }
}
