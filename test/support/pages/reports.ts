/** Reports as they might be, with names of one's choice: for tests of pages. */
import type { FederationReport } from '../../../scripts/report/federation.ts'
import type { LayerReport } from '../../../scripts/report/layers.ts'
import type { SitePerplexity } from '../../../scripts/report/site-report.ts'
import type { TimesReport } from '../../../scripts/report/times.ts'

interface Size {
  peers: number
  rounds: number
  blocks: number
  texts: number
  /** A name for what strangers name: sites, models, texts, layers. */
  name(kind: string, at: number): string
}

const hash = 'ab'.repeat(32)
const count = <T>(length: number, make: (at: number) => T): T[] => Array.from({ length }, (_, at) => make(at))

export const MACHINE = {
  processor: 'a processor',
  cores: 2,
  memoryBytes: 2e9,
  system: 'Linux x64',
  mark: 'fe7aa65b7a3da7d0',
}

export function aLayers({ blocks, name }: Pick<Size, 'blocks' | 'name'>): LayerReport[] {
  return count(blocks, (block) =>
    count(
      7,
      (role): LayerReport => ({
        name: `/model/layers.${block}/${name('layer', role)}/MatMul`,
        block,
        shape: [10, 10],
        zeros: 50 + role,
        damping: role === 0 ? 0.1 : 0.01,
        error: 0.01 * (1 + role + block / 10),
        agreement: 0.7 + 0.03 * role,
      }),
    ),
  ).flat()
}

export function someTimes({ peers, rounds }: Pick<Size, 'peers' | 'rounds'>): TimesReport {
  return {
    began: '2026-11-27T16:13:11.000Z',
    rounds: count(rounds, (round) => ({
      round: round + 1,
      began: 10 * round,
      worked: count(peers, (member) => ({ member, from: 10 * round + 1, to: 10 * round + 2 + 0.3 * member })),
      sent: count(peers, (member) => ({ member, at: 10 * round + 2.1 + 0.3 * member, bytes: 1000 })),
      proposed: [{ member: round % peers, attempt: 0, at: 10 * round + 9 }],
      ended: 10 * round + 9.5,
    })),
  }
}

export function aFederationReport(size: Size): FederationReport {
  const { peers, rounds, texts, name } = size
  return {
    coppice: '0.1.0',
    plan: {
      ...{ id: hash, pruner: 'sparsegpt', sparsity: 0.6, pattern: null, merge: 'l0', masked: false, rounds, sample: 1 },
      ...{ windows: 4, window: 256, model: { name: name('model', 0), hash, parameters: 2e6 } },
    },
    peers: count(peers, (at) => ({
      ...{ id: `12D3KooW${at}`, site: name('site', at), capacity: 1, root: hash, refused: [], seconds: 10 },
      ...{ sentBytes: 2e6 + at, receivedBytes: 2e6, ownBytes: 1e6, othersBytes: 5e5, payloadBytes: 3e5 },
    })),
    rounds: count(rounds, (at) => ({
      ...{ round: at + 1, contributions: peers, uncovered: [], maskChange: 0.5, certificate: hash, bytes: 1e6 },
    })),
    result: { root: hash, sparsity: 0.6, zeros: 6, weights: 10, model: name('directory', 0) },
    certified: null,
    layers: aLayers(size),
    ...{ errorOf: 'plan', agreementOf: 'plan' },
    perplexity: count(texts, (at) => ({
      ...{ text: name('text', at), tokens: 255, windows: 1, window: 256, dense: 20 + at },
      ...{ isolated: count(peers, () => 30 + at), l0: 26, fedavg: 27, pooledText: 24, federated: 25 },
      rounds: count(rounds, (round) => 22 + round),
    })),
    evaluated: 'Perplexity is on documents that no site has.',
    times: someTimes(size),
    machine: MACHINE,
    ...{ seconds: 79, peakMemoryBytes: 4e8 },
  }
}

export function aSitePerplexity(text: string): SitePerplexity {
  return { text, tokens: 63, windows: 1, window: 64, base: 4.8, alone: 5.9, together: 5.4 }
}
