/**
 * A contribution in words. Its bytes name neither shapes nor author; the plan, the certificates and the model beside it
 * in a peer's output directory do.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { federationOf } from '../../../peers/round/federation.ts'
import type { Plan } from '../../../protocols/plan/plan.ts'
import { siteInWords } from '../../../protocols/plan/site-name.ts'
import { listingOf } from '../../../protocols/round/masked/listing.ts'
import { isPersonal, openingOf, phaseOf } from '../../../protocols/round/masked/phases.ts'
import type { ManifestEntry, Value } from '../../../protocols/round/messages/value.ts'
import { toHex } from '../../../protocols/wire/encoding.ts'
import { blobId } from '../../../protocols/wire/hash.ts'
import { countZeros } from '../../../src/form/mask.ts'
import type { PayloadKind } from '../../../src/form/method.ts'
import type { ModelDescription } from '../../../src/jobs/model/describe.ts'
import { openEngine } from '../../../src/jobs/open-engine.ts'
import { InvalidContributionError } from '../../../src/merge/errors.ts'
import { type BlockContribution, decodeContribution, payloadKindOf } from '../../../src/merge/masks/contribution.ts'
import { areProducts } from '../../../src/merge/pooled/products.ts'
import { blockOfSlot } from '../../../src/merge/slots.ts'
import { type StructuredPart, structuredPartOf } from '../../../src/merge/structures/structured-contribution.ts'
import type { Run } from '../../command.ts'
import { describe } from '../../common/engine.ts'
import { table } from '../../report/table.ts'
import { grouped, bytes as inBytes, percent } from '../../terminal/numbers.ts'
import { type Beside, type MaskedPart, maskedPartOf, partInWords } from './masked-part.ts'
import { malformedFile, neighbourCertificates, neighbourPlan, outputOf, readInspected } from './neighbours.ts'

/** The facts of any blob. All but the first two are null if plan or certificates are not beside the file. */
interface BlobReport {
  /** Its content hash, by which commits and manifests name it. */
  root: string
  bytes: number
  federation: string | null
  member: number | null
  site: string | null
  /** null as well if it is no block's. */
  block: number | null
  round: number | null
}

interface ContributionReport extends BlobReport {
  payload: PayloadKind | StructuredPart | 'products'
  /** The following are empty if plan, certificates or model are not beside the file. */
  /**
   * One entry a distinct input: the mean squares of the features that enter layers, and the names of the layers that
   * read it.
   */
  inputs: Array<{ columns: number; smallest: number; largest: number; layers: string[] }>
  /** One entry a layer, in order of role; `zeros` is null if the contribution carries no masks. */
  layers: Array<{ name: string; shape: [out: number, cols: number]; zeros: number | null }>
}

type MaskedReport = BlobReport & MaskedPart

export async function inspectContribution(path: string, run: Run): Promise<ContributionReport | MaskedReport> {
  const bytes = readInspected(path, 'contribution')
  const out = outputOf(path)
  const plan = neighbourPlan(out)
  const values = neighbourCertificates(out).map(({ value }) => value)
  const blob = blobReport(bytes, plan, values)
  const author = authorOf(plan, blob.member)
  const beside = besideOf(plan, blob, values.at(-1) ?? null)
  const part = maskedPartOf(bytes, beside)
  if (part !== null) {
    const named = { key: 'Key', 'key sheet': 'Key sheet', reveal: 'Reveal', 'masked vector': 'Masked vector' }
    run.terminal.say([...headInWords(named[part.payload], blob, author), ...partInWords(part, beside)].join('\n'))
    return { ...blob, ...part }
  }
  const payload = structuredPartOf(bytes) ?? payloadKindOf(bytes) ?? (areProducts(bytes) ? 'products' : null)
  if (payload === null) throw malformedFile(path, 'contribution', new Error('its first bytes are not those of one'))
  const report: ContributionReport = { ...blob, payload, inputs: [], layers: [] }
  const model = join(out, 'model')
  const isSparse = payload === 'statistics' || payload === 'weights'
  if (isSparse && report.block !== null && plan !== null && existsSync(model)) {
    await using engine = openEngine()
    Object.assign(report, contents(path, bytes, payload, report.block, await describe({ ...run, engine }, model)))
  }
  run.terminal.say(inWords(report, author))
  return report
}

/** @param values - of the certificates beside the file, by round */
function blobReport(bytes: Uint8Array, plan: Plan | null, values: readonly Value[]): BlobReport {
  const root = toHex(blobId(bytes))
  const entry = values.flatMap(({ entries }) => entries).find((candidate) => candidate.root === root)
  return {
    root,
    bytes: bytes.byteLength,
    federation: plan === null ? null : toHex(plan.id),
    member: entry?.member ?? null,
    site: entry === undefined ? null : (plan?.members[entry.member]?.site ?? null),
    block: entry === undefined ? null : blockOf(entry, plan),
    round: entry?.round ?? null,
  }
}

/** The block of an entry; null: it is no block's. Without the plan it is the slot: see src/merge/slots.ts. */
function blockOf({ block: slot }: ManifestEntry, plan: Plan | null): number | null {
  if (plan === null) return slot
  return isPersonal(federationOf(plan), slot) ? null : blockOfSlot(slot, plan.offer.model.blocks)
}

/** @param last - of the last certificate beside the file; null: there is none */
function besideOf(plan: Plan | null, { round }: BlobReport, last: Value | null): Beside {
  const name = (member: number) => memberInWords(plan, member)
  if (plan === null || round === null || last === null) return { name, listing: null, isOpened: null }
  const federation = federationOf(plan)
  const isReveal = phaseOf(federation, round) === 'reveal'
  const listing = isReveal ? listingOf(federation, openingOf(round), last.entries) : null
  return { name, listing, isOpened: round < last.round }
}

/** The contents of the bytes, read with the shapes of the block. @throws {InputError} INSPECT_MALFORMED */
function contents(
  path: string,
  bytes: Uint8Array,
  kind: PayloadKind,
  block: number,
  { forms, layers }: ModelDescription,
): Pick<ContributionReport, 'inputs' | 'layers'> {
  let contribution: BlockContribution
  try {
    contribution = decodeContribution(forms[block], kind, bytes)
  } catch (error) {
    if (error instanceof InvalidContributionError) throw malformedFile(path, 'contribution', error)
    throw error
  }
  return {
    inputs: contribution.inputs.map((squares, input) => ({
      columns: squares.length,
      smallest: squares.reduce((a, b) => Math.min(a, b)),
      largest: squares.reduce((a, b) => Math.max(a, b)),
      layers: layers
        .filter((layer) => layer.block === block && forms[block].layers[layer.role].input === input)
        .map(({ name }) => name),
    })),
    layers: layers
      .filter((layer) => layer.block === block)
      .map(({ name, role, rows, cols }) => {
        const mask = contribution.layers?.[role].mask
        return { name, shape: [rows, cols], zeros: mask === undefined ? null : countZeros(mask, rows * cols) }
      }),
  }
}

const CARRIES: Record<ContributionReport['payload'], string> = {
  statistics: 'It carries the mean square of each feature that enters the layers, and nothing else.',
  weights:
    'It carries the mean square of each feature that enters the layers, the masks, and the kept weights in fp16.',
  products:
    'It carries how each two of the features that enter the layers go together, one number a pair, and nothing else.',
  importances: 'It carries how much each head and channel matters to the loss, and nothing else.',
  adapters: 'It carries the low-rank adapters that its site has trained, in fp16, and nothing else.',
}

function authorOf(plan: Plan | null, member: number | null): string {
  return member === null ? 'of an unknown author' : `of ${memberInWords(plan, member)}`
}

function memberInWords(plan: Plan | null, member: number): string {
  const known = plan?.members[member]
  return known === undefined ? `member ${member}` : siteInWords(known)
}

function headInWords(what: string, { block, bytes, federation, root, round }: BlobReport, author: string): string[] {
  const place = `${block === null ? '' : ` for block ${block}`}${round === null ? '' : ` in round ${round}`}`
  const whose = federation === null ? '' : ` of federation ${federation.slice(0, 8)}`
  return [`${what} ${root}`, `${author}${place}${whose}, ${inBytes(bytes)}.`]
}

function inWords(report: ContributionReport, author: string): string {
  const { layers, inputs } = report
  const lines = [...headInWords('Contribution', report, author), CARRIES[report.payload]]
  if (!['statistics', 'weights'].includes(report.payload)) return lines.join('\n')
  if (layers.length === 0) {
    lines.push(
      'Its plan, certificate or model is not beside the file. Without them its shapes are unknown, so no more can be shown.',
    )
    return lines.join('\n')
  }
  const inputRows = inputs.map((input) => [
    input.layers.map((name) => name.split('.').at(-1)).join(', '),
    grouped(input.columns),
    input.smallest.toExponential(2),
    input.largest.toExponential(2),
  ])
  const layerRows = layers.map(({ name, shape: [rows, cols], zeros }) => [
    name,
    `${rows} x ${cols}`,
    ...(zeros === null ? [] : [grouped(zeros), percent(zeros / (rows * cols))]),
  ])
  lines.push('', table([['mean squares of the input of', 'columns', 'smallest', 'largest'], ...inputRows]))
  const masked = report.payload === 'weights'
  lines.push('', table([['layer', 'out x in', ...(masked ? ['zeros', 'sparsity'] : [])], ...layerRows]))
  if (!masked) lines.push('Its masks are not sent: they follow from the base model and these numbers.')
  return lines.join('\n')
}
