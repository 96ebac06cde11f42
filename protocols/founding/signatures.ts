/** The signatures of a plan, as they come in. */
import { decodePlanSignature, encodePlanSignature, memberOf, type Plan, planSignatureFault } from '../plan/plan.ts'

export class Signatures {
  readonly plan: Plan
  private readonly byMember = new Map<number, Uint8Array>()

  constructor(plan: Plan) {
    this.plan = plan
  }

  add(member: number, signature: Uint8Array): void {
    this.byMember.set(member, signature)
  }

  /** Reads a member's signature, which anyone may send. @throws it is not one of this plan */
  open(bytes: Uint8Array): { member: number; signature: Uint8Array } {
    const signature = decodePlanSignature(bytes)
    const fault = planSignatureFault(this.plan, signature)
    if (fault !== null) throw new Error(`a plan signature with a wrong ${fault}`)
    return signature
  }

  /** The index in the roster of one that has not signed; null: it has, or is no member. */
  unsignedIndexOf(peer: Uint8Array): number | null {
    const index = memberOf(this.plan, peer)?.index
    return index === undefined || this.byMember.has(index) ? null : index
  }

  get areComplete(): boolean {
    return this.byMember.size === this.plan.members.length
  }

  /** The members that have signed, ascending. */
  signed(): number[] {
    return [...this.byMember.keys()].sort((a, b) => a - b)
  }

  /** The members that have not signed. */
  missing(): number[] {
    return this.plan.members.map(({ index }) => index).filter((index) => !this.byMember.has(index))
  }

  /** The signatures in the roster's order. */
  inOrder(): Uint8Array[] {
    return this.plan.members.map(({ index }) => {
      const signature = this.byMember.get(index)
      if (signature === undefined) throw new Error(`member ${index} has not signed`)
      return signature
    })
  }

  /** The signatures in the form in which they are sent. */
  encoded(): Uint8Array[] {
    return this.inOrder().map((signature, member) => encodePlanSignature({ plan: this.plan.id, member, signature }))
  }
}
