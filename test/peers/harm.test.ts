import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { describe, test } from 'node:test'
import type { RoundReport } from '../../peers/round/events.ts'
import type { MergedBlockReport, MergeJob } from '../../peers/work/work.ts'
import { decodeContribution } from '../../src/merge/masks/contribution.ts'
import { assertOneRoot, BLOCKS, federation } from '../support/federations.ts'
import { FORM, MatrixWork } from '../support/matrices.ts'

/** Larger than any statistics of a site that has measured them. */
const LIE = 1e3

/** Keeps to the format; nobody but the sites' own text could tell. */
class Liar extends MatrixWork {
  protected override statisticsOf(block: number): Float32Array[] {
    return super.statisticsOf(block).map((inputs) => inputs.map((value) => LIE + value))
  }
}

/** A site whose text comes out badly from every merge with a lie. */
class Honest extends MatrixWork {
  private readonly harmful = new Set<string>()

  override async merge(job: MergeJob): Promise<MergedBlockReport> {
    const files = 'files' in job ? job.files : []
    const contributions = await Promise.all(files.map((file) => readFile(file)))
    const isLie = (bytes: Uint8Array) => decodeContribution(FORM, 'statistics', bytes).inputs[0][0] >= LIE
    if (contributions.some(isLie)) this.harmful.add(job.out)
    else this.harmful.delete(job.out)
    return super.merge(job)
  }

  override async perplexity(merged: ReadonlyMap<number, string>): Promise<number> {
    const isHarmed = [...merged.values()].some((file) => this.harmful.has(file))
    return (await super.perplexity(merged)) * (isHarmed ? 10 : 1)
  }
}

describe('contributions that keep to the format and harm the model', () => {
  for (const [members, liars] of [
    [4, [0]],
    [4, [2]],
  ] as const) {
    test(`of members ${liars} among ${members} are in no certificate, and the proposer says so`, async (context) => {
      const isLiar = (member: number) => liars.some((liar) => liar === member)
      const offer = { rounds: 2 }
      const work = (member: number) => new (isLiar(member) ? Liar : Honest)(BLOCKS, member)
      const outcome = await federation(context, { members, topology: 'mesh', offer, work })
      assertOneRoot(outcome)
      const all = outcome.events.flat()
      const rounds = all.flatMap((event): RoundReport[] => (event.type === 'round' ? [event.round] : []))
      assert.equal(rounds.length, 2 * members)
      // The roster is ordered by peer ids.
      const roster = outcome.results[0].members.map(({ site }) => Number(site.replace('site ', '')))
      for (const { round, value } of rounds) {
        const contributors = new Set(value.entries.map(({ member }) => roster[member]))
        assert.equal(contributors.size, members - liars.length, `round ${round}: ${[...contributors]}`)
        assert.ok(![...contributors].some(isLiar), `round ${round}: ${[...contributors]}`)
      }
      const notes = all.flatMap((event) => (event.type === 'note' ? [event.text] : []))
      assert.ok(notes.some((text) => /^leaves out member [\d, ]+: perplexity here \d/.test(text)))
    })
  }
})
