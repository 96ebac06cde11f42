/**
 * Federations of real peers on a real model, stories260k, of which some lie: the lie takes the place of what their
 * engine has computed before it is stored and committed.
 */
import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import type { PeerEvent } from '../../../peers/round/events.ts'
import { EngineWork } from '../../../peers/work/engine-work.ts'
import type { PruneJob } from '../../../peers/work/work.ts'
import { harmLimitOf } from '../../../protocols/plan/harm-limit.ts'
import { faultsOf, mergingOf } from '../../../protocols/plan/offer.ts'
import { manifestKey, type Value } from '../../../protocols/round/messages/value.ts'
import { toHex } from '../../../protocols/wire/encoding.ts'
import { blobId } from '../../../protocols/wire/hash.ts'
import { siteWindows } from '../../../scripts/bench/support/site-windows.ts'
import type { MergeRule } from '../../../src/form/merging.ts'
import { isStructuredMethod } from '../../../src/form/method.ts'
import type { Windows } from '../../../src/form/windows.ts'
import { openEngine } from '../../../src/jobs/open-engine.ts'
import { Decoder } from '../../../src/model/forward/decoder.ts'
import { StructuredModel } from '../../../src/structure/federated/structured-model.ts'
import { federation } from '../../support/federations.ts'
import { temporaryDirectory } from '../../support/nodes.ts'
import { fixturePath } from '../../support/shared.ts'
import { allLies, type Lie } from './lies.ts'

const MODEL = fixturePath('stories260k')
const MODEL_HASH = new Uint8Array(32).fill(3)
const WINDOWS = { count: 4, length: 64 }
const MOST_MEMBERS = 7
/** The attempts after which a federation has agreed, whoever proposes in the first ones. */
const MOST_ATTEMPTS = 3
/** A busy machine takes long. */
const LIMIT_MS = 240_000

interface Scene {
  members: number
  merge: MergeRule
  lie: Lie
}

/** How a federation with liars ended. */
interface Ending {
  /** The attempts of its longest round. */
  attempts: number
  liars: number
  /** The liars with a lie in the last manifest. */
  included: number
  /** Why a lie was left out, as some member noted first; null: nobody minded. */
  reason: string | null
  /** The harm of the certified merges to each honest site's own text, as far as these have measured it. */
  harms: number[]
}

/** The model, the texts and the engine that all federations of a test file share. */
export class LyingPeers implements AsyncDisposable {
  readonly lies: readonly Lie[]
  private readonly engine = openEngine()
  private readonly model: StructuredModel
  private readonly texts: readonly Windows[]

  private constructor(model: StructuredModel, texts: readonly Windows[]) {
    this.model = model
    this.texts = texts
    this.lies = allLies(model)
  }

  static async open(): Promise<LyingPeers> {
    const decoder = Decoder.open(MODEL)
    const texts = await siteWindows(decoder, { sites: MOST_MEMBERS, ...WINDOWS })
    return new LyingPeers(await StructuredModel.of(decoder), texts)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine.close()
    await this.model.decoder.close()
  }

  /**
   * Runs a federation in which as many lie as may, and those are who proposes first. Asserts that all members end with
   * the same certificates within three attempts each, and that no honest member is harmed beyond the plan's limit.
   */
  async run(context: TestContext, scene: Scene): Promise<Ending> {
    const { members, merge, lie } = scene
    const { method, rounds } = lie
    const liars = new Set<string>()
    const works = await this.works(context, scene, liars)
    const { events, results } = await federation(context, {
      ...{ members, topology: 'mesh', limitMs: LIMIT_MS, work: (member) => works[member] },
      offer: { ...this.modelOffer(), ...{ method, merge, rounds } },
      onEvent(_, event) {
        if (event.type !== 'founded') return
        for (const { site } of event.plan.members.slice(0, faultsOf(members))) liars.add(site)
      },
    })
    assert.equal(liars.size, faultsOf(members))
    const [{ certificates }] = results
    assert.equal(certificates.length, rounds)
    for (const result of results) assert.deepEqual(result.certificates, certificates)

    const attempts = 1 + Math.max(...events.flat().map((event) => (event.type === 'step' ? event.attempt : 0)))
    assert.ok(attempts <= MOST_ATTEMPTS, `${attempts} attempts`)
    const values = certifiedValues(events[0])
    const roster = results[0].members.map(({ site }) => site)
    const harms = works.flatMap((work, i) =>
      liars.has(siteName(i)) ? [] : work.harms(values, roster.indexOf(siteName(i))),
    )
    const limit = harmLimitOf({ method, windows: WINDOWS.count, window: WINDOWS.length })
    assert.ok(
      harms.every((harm) => harm <= limit),
      `harms of certified merges: ${harms}`,
    )
    const told = new Set(works.flatMap((work) => [...work.told]))
    const lying = values.flatMap(({ entries }) => entries.filter(({ root }) => told.has(root)))
    const included = new Set(lying.map(({ member }) => member)).size
    return { attempts, liars: liars.size, included, reason: firstRefusal(events.flat()), harms }
  }

  private modelOffer() {
    const { name, parameters, blocks } = this.model.decoder
    return { model: { name, hash: MODEL_HASH, parameters, blocks }, windows: WINDOWS.count, window: WINDOWS.length }
  }

  /** @param liars - the names of the sites that lie, known before anything is pruned */
  private async works(context: TestContext, { members, merge, lie }: Scene, liars: ReadonlySet<string>) {
    const { engine, texts } = this
    const { method, rounds } = lie
    const root = await temporaryDirectory(context)
    const description = await engine.run('describe', { dir: MODEL })
    const structured = isStructuredMethod(method)
      ? await engine.run('structuredForms', { dir: MODEL, ...method.target })
      : null
    const merging = mergingOf({ merge, members, masked: false })
    return Array.from({ length: members }, (_, i) => {
      const init = { engine, model: MODEL, description, method, rounds, merging, structured, windows: texts[i] }
      const scratch = join(root, String(i))
      return new SiteWork({ ...init, scratch, modelHash: null }, () => (liars.has(siteName(i)) ? lie : null))
    })
  }
}

/** As startFederation names its sites. */
function siteName(i: number): string {
  return `site ${i}`
}

function certifiedValues(events: readonly PeerEvent[]): Value[] {
  return events.flatMap((event) => (event.type === 'round' ? [event.round.value] : []))
}

function firstRefusal(events: readonly PeerEvent[]): string | null {
  const notes = events.flatMap((event) => (event.type === 'note' ? [event.text] : []))
  return notes.find((text) => /^(contribution|commit) .* refused: |^leaves out member /.test(text)) ?? null
}

class SiteWork extends EngineWork {
  /** Ids of the lies that it has told. */
  readonly told = new Set<string>()
  /** Perplexities on its own text, by the key of the merge. */
  private readonly measured = new Map<string, number>()
  private readonly scratch: string
  private readonly lie: () => Lie | null

  constructor(init: ConstructorParameters<typeof EngineWork>[0], lie: () => Lie | null) {
    super(init)
    this.scratch = init.scratch
    this.lie = lie
  }

  override prune({ onBlock, ...job }: PruneJob): Promise<void> {
    const lie = this.lie()
    if (lie === null) return super.prune({ ...job, onBlock })
    return super.prune({
      ...job,
      onBlock: async (own, path) => {
        const truth = await readFile(path)
        const { slot, bytes } = lie.tell({ slot: own, bytes: truth })
        if (bytes === truth) return onBlock(own, path)
        this.told.add(toHex(blobId(bytes)))
        const file = join(this.scratch, `lie-${slot}`)
        await writeFile(file, bytes)
        await onBlock(slot, file)
      },
    })
  }

  /** The files of a merge are in a folder of its key. */
  override async perplexity(merged: ReadonlyMap<number, string>, signal: AbortSignal): Promise<number> {
    const perplexity = await super.perplexity(merged, signal)
    const [file] = merged.values()
    this.measured.set(basename(dirname(file)), perplexity)
    return perplexity
  }

  /** The certificates tell what there is to know here; a model is checked in a process of its own, which takes long. */
  override async writeModel(_: ReadonlyMap<number, string>, out: string): Promise<void> {
    await mkdir(out)
  }

  /** The harm of certified merges to this site's own text, as far as it has measured that: see harm.ts. */
  harms(values: readonly Value[], member: number): number[] {
    return values.flatMap(({ entries, previous }) => {
      const own = entries.filter((entry) => entry.member === member)
      const together = this.measured.get(manifestKey(previous, entries))
      const alone = this.measured.get(manifestKey(null, own))
      return together === undefined || alone === undefined ? [] : [together / alone]
    })
  }
}
