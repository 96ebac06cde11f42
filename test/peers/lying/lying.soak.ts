import { after, test } from 'node:test'
import { stopwatch } from '../../../src/base/stopwatch.ts'
import { LyingPeers } from './lying-peers.ts'

const peers = await LyingPeers.open()
after(() => peers[Symbol.asyncDispose]())

for (const members of [4, 7]) {
  for (const merge of ['l0', 'trimmed'] as const) {
    for (const lie of peers.lies) {
      test(`as many liars as may be agree with the honest in three attempts: ${members} members, ${merge}, ${lie.name}`, async (context) => {
        const elapsed = stopwatch()
        const { attempts, harms, included, liars, reason } = await peers.run(context, { members, merge, lie })
        const [least, most] = [Math.min(...harms), Math.max(...harms)].map((harm) => harm.toFixed(2))
        const counts = `${included} of ${liars} lies in the manifest, ${attempts} attempts, harm ${least} to ${most}`
        context.diagnostic(`${counts}, ${elapsed().toFixed(1)} s; ${reason ?? 'nothing refused'}`)
      })
    }
  }
}
