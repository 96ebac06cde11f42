/** The registry of a peer's metrics: its own, those of the process, and those of libp2p. */
import { prometheusMetrics } from '@libp2p/prometheus-metrics'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { PeerInit } from '../../peers/peer.ts'
import { PEER_METRICS, type PeerMetric } from './metric-table.ts'
import { PeerFacts } from './peer-facts.ts'

export class PeerMetrics {
  readonly registry = new Registry()
  readonly facts = new PeerFacts()

  constructor() {
    for (const metric of PEER_METRICS) this.register(metric)
    collectDefaultMetrics({ register: this.registry })
  }

  /** The parts of a peer's start by which it is watched. */
  get init(): Pick<PeerInit, 'metrics' | 'onNode' | 'onBook'> {
    const { facts, registry } = this
    return {
      metrics: prometheusMetrics({ registry, collectDefaultMetrics: false }),
      onNode: (node) => (facts.node = node),
      onBook: (book) => (facts.book = book),
    }
  }

  private register({ help, label, name, read, type }: PeerMetric): void {
    const { facts, registry } = this
    const init = { name, help, registers: [registry], labelNames: label === undefined ? [] : [label] }
    if (type === 'counter') {
      const counter: Counter = new Counter({
        ...init,
        collect() {
          counter.reset()
          counter.inc(Number(read(facts)))
        },
      })
      return
    }
    const gauge: Gauge = new Gauge({
      ...init,
      collect() {
        const found = read(facts)
        if (typeof found === 'number') return gauge.set(found)
        gauge.reset() // a timer that has run out, say, is no more
        for (const [value, number] of found) gauge.set({ [label ?? '']: value }, number)
      },
    })
  }
}
