/** The chain of certificates: one file a round, checked before it is written. */
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Plan } from '../../protocols/plan/plan.ts'
import {
  type Certificate,
  certificateFault,
  certificateId,
  decodeCertificate,
  encodeCertificate,
} from '../../protocols/round/messages/certificate.ts'
import { type CertifiedRound, certifiedRound } from '../../protocols/round/messages/certified-round.ts'
import { type Certified, type Federation, valueFault } from '../../protocols/round/messages/value.ts'
import { OutputError } from '../../src/base/errors.ts'
import { unwritable } from '../../src/base/system-errors.ts'
import { writeDurably } from '../../src/files/durable-file.ts'

/** The name of a round's file, in every directory of certificates. */
export function certificateFile(round: number): string {
  return `${round}.cbor`
}

/**
 * The outcome of `append`. `kept`: it was the next certificate. `known`: it is held already. `gap`: certificates before
 * it are missing. `bad`: no quorum has signed it. `fork`: a quorum has, but it does not follow from the certificates
 * that are held, so that one of the two is wrong.
 */
export type Appended = 'kept' | 'known' | 'gap' | 'bad' | 'fork'

export class CertificateChain {
  readonly directory: string
  private readonly plan: Plan
  private readonly federation: Federation
  /** That of round r is at r - 1. A value has an entry for each member and block, so only the last one is kept. */
  private readonly held: CertifiedRound[] = []
  private newest: Certified | null = null
  private tail: Promise<unknown> = Promise.resolve()

  private constructor(directory: string, plan: Plan, federation: Federation) {
    this.directory = directory
    this.plan = plan
    this.federation = federation
  }

  /**
   * @throws {OutputError} OUTPUT_CERTIFICATE_DAMAGED: a file is damaged or does not follow from the one before;
   * OUTPUT_UNWRITABLE
   */
  static async open(directory: string, plan: Plan, federation: Federation): Promise<CertificateChain> {
    const chain = new CertificateChain(directory, plan, federation)
    try {
      await mkdir(directory, { recursive: true })
      const names = new Set(await readdir(directory))
      for (let round = 1; names.has(certificateFile(round)); round++) chain.load(round, await chain.bytes(round))
    } catch (error) {
      if (error instanceof OutputError) throw error
      throw unwritable(directory, error)
    }
    return chain
  }

  /** The number of certificates: those of rounds 1 to this one are held. */
  get rounds(): number {
    return this.held.length
  }

  get last(): Certified | null {
    return this.newest
  }

  /** All rounds, those of earlier processes too. */
  certified(): CertifiedRound[] {
    return [...this.held]
  }

  /** The bytes of a round's certificate; null if it is not held. */
  async read(round: number): Promise<Uint8Array | null> {
    return round >= 1 && round <= this.rounds ? this.bytes(round) : null
  }

  /** Keeps a certificate if it is the next one. Calls are carried out one after the other. */
  async append(certificate: Certificate): Promise<Appended> {
    const done = this.tail.then(() => this.appendNext(certificate))
    this.tail = done.catch(() => {})
    return done
  }

  private async appendNext(certificate: Certificate): Promise<Appended> {
    const { round } = certificate.value
    if (this.held[round - 1]?.certificate === certificateId(certificate)) return 'known'
    if (certificateFault(this.plan, certificate) !== null) return 'bad'
    if (round > this.rounds + 1) return 'gap'
    const fork = round <= this.rounds || valueFault(this.federation, this.last, certificate.value) !== null
    if (fork) return 'fork'
    await writeDurably(join(this.directory, certificateFile(round)), encodeCertificate(certificate))
    this.hold(certificate)
    return 'kept'
  }

  private hold(certificate: Certificate): void {
    this.newest = { id: certificateId(certificate), value: certificate.value }
    this.held.push(certifiedRound(this.federation, this.plan.offer.model.blocks, this.newest))
  }

  /** Keeps a certificate that does not belong to the chain, in a file beside it, as evidence of the fault. */
  async keepFork(certificate: Certificate): Promise<void> {
    const name = `fork-${certificate.value.round}-${certificateId(certificate).slice(0, 8)}.cbor`
    await writeDurably(join(this.directory, name), encodeCertificate(certificate))
  }

  private bytes(round: number): Promise<Uint8Array> {
    return readFile(join(this.directory, certificateFile(round))).then((bytes) => new Uint8Array(bytes))
  }

  private load(round: number, bytes: Uint8Array): void {
    const path = join(this.directory, certificateFile(round))
    let certificate: Certificate
    try {
      certificate = decodeCertificate(bytes)
    } catch (error) {
      throw damaged(path, String(error))
    }
    const fault = certificateFault(this.plan, certificate) ?? valueFault(this.federation, this.last, certificate.value)
    if (fault !== null) throw damaged(path, fault)
    this.hold(certificate)
  }
}

function damaged(path: string, why: string): OutputError {
  return new OutputError({
    code: 'OUTPUT_CERTIFICATE_DAMAGED',
    what: `${path} is damaged: ${why}`,
    hint: 'Remove it: the peer fetches it again from the others.',
  })
}
