import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { reportDocument } from '../../../../scripts/report/html/page.ts'
import { federationPage } from '../../../../scripts/report/pictures/federation-page.ts'
import { prunePage } from '../../../../scripts/report/pictures/prune-page.ts'
import { shrinkPage } from '../../../../scripts/report/pictures/shrink-page.ts'
import { sitePage } from '../../../../scripts/report/pictures/site-page.ts'
import { aFederationReport, aLayers, aSitePerplexity } from '../../../support/pages/reports.ts'

const SIZE = { peers: 8, rounds: 3, blocks: 2, texts: 8 }
/** The most bytes of a page of 16 sites. */
const MOST_BYTES = 2e6

function federationDocument(name: (kind: string, at: number) => string, size = SIZE): string {
  const report = aFederationReport({ ...size, name })
  return reportDocument(federationPage({ ...report, end: report }))
}

/** The same strangers' names in the pages of all commands. */
function allDocuments(name: (kind: string, at: number) => string): string[] {
  const report = aFederationReport({ ...SIZE, name })
  const { plan, times, machine, layers, coppice } = report
  const members = report.peers.map(({ id, site }) => ({ name: site, peer: id }))
  const left = {
    ...{
      contributions: [],
      payloadBytes: 1,
      sentBytes: 9,
      receivedBytes: 9,
      ownBytes: 4,
      othersBytes: 2,
      whole: false,
    },
  }
  const perplexity = [aSitePerplexity(name('text', 0))]
  const site = sitePage({
    ...{ coppice, plan, members, times, machine, peer: members[1].peer, now: name('sentence', 0) },
    end: { root: 'ab', sparsity: 0.5, perplexity, left, layers, errorOf: 'sites', seconds: 9, rounds: [] },
  })
  const calibration = { texts: [name('text', 0)], windows: 2, window: 64 }
  const of = { model: `/models/${name('model', 0)}`, calibration }
  const compared = { text: name('text', 1), tokens: 63, window: 64, dense: 20, pruned: 25 }
  const ending = { machine, peakMemoryBytes: 1, out: `/out/${name('out', 0)}` }
  const pruned = prunePage({
    ...{ ...of, coppice, machine, pruner: 'wanda', done: { blocks: 6, of: 6 } },
    end: {
      ...{ ...of, ...ending, pruner: 'wanda', sparsity: 0.5, zeros: 5, weights: 10, baseZeros: 0, unpruned: [] },
      ...{ layers: aLayers({ blocks: 6, name }), perplexity: [compared] },
      seconds: { total: 1, forward: 1, statistics: 1, solve: 1, write: 1 },
    },
  })
  const time = { seconds: { before: 0.02, after: 0.01 }, change: -0.5, spread: 0.01, isBeyondNoise: true }
  const smaller = shrinkPage({
    ...{ ...of, coppice, machine },
    end: {
      ...{ ...of, ...ending, parameters: { before: 10, after: 8 }, macs: { before: 10, after: 8 }, recovery: null },
      ...{ bytes: { before: 10, after: 8 }, seconds: 5, perplexity: [{ ...compared, recovered: 22 }] },
      removed: [{ block: 0, kvHeads: 1, queryHeads: 0, channels: 9 }],
      speed: { reading: { tokens: 64, ...time }, writing: { tokens: 1, ...time } },
    },
  })
  return [reportDocument(federationPage({ ...report, end: report })), ...[site, pruned, smaller].map(reportDocument)]
}

const HOSTILE = [
  '<img src=x onerror=alert(1)>',
  '"><script>alert(1)</script>',
  "' onload='alert(1)",
  '</text></svg><iframe src="//x">',
  '</style><script>alert(1)//',
  '{a|b}{value}{@[0]}',
  '&lt;script&gt;',
  ']]><!--',
]

describe('the page of a report', () => {
  const plain = allDocuments((kind, at) => `${kind} ${at}`)

  it('loads nothing, runs nothing and connects to nothing', () => {
    for (const document of plain) {
      assert.ok(document.includes(`<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;;`))
      const found = /<script|<link(?! rel="icon" href="data:,")|https?:|@import|url\(| on[a-z]+="/i.exec(document)
      assert.equal(found?.[0], undefined)
    }
  })

  it('shows names as text, whatever they are and wherever they come from', () => {
    const name = (_: string, at: number) => `${HOSTILE[at % HOSTILE.length]}${at}`
    const documents = allDocuments(name)
    for (const [page, document] of documents.entries()) {
      const tags = (text: string) => [...new Set(text.match(/<[/!]?[a-z-]+/gi))].sort()
      assert.deepEqual(tags(document), tags(plain[page]), `page ${page} has other elements`)
      assert.equal(/<[^>]*\son[a-z]+\s*=/i.exec(document)?.[0], undefined, `page ${page} has a handler of events`)
    }
    for (const hostile of HOSTILE) {
      const shown = hostile.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
      assert.ok(
        documents[0].includes(shown.replaceAll('"', '&quot;').replaceAll("'", '&#39;')),
        `${hostile} is not shown`,
      )
    }
  })

  it('has for each section a title, a sentence to read it by, how it was measured, and a table', () => {
    for (const document of plain) {
      const sections = document.split('<section').slice(1)
      assert.ok(sections.length >= 2)
      for (const section of sections) {
        for (const part of [/<h2>.+<\/h2>/, /<p class="read">.+<\/p>/, /<p class="protocol">.+<\/p>/, /<table>/])
          assert.ok(part.test(section), `${section.slice(0, 100)} lacks ${part}`)
        for (const svg of section.split('<svg').slice(1))
          assert.match(svg.slice(0, 200), /^[^>]*role="img"[^>]*><title id="[\w-]+">./)
      }
    }
  })

  it('draws with the colours of the palette alone, so that it follows the ground', () => {
    const [document] = plain
    for (const svg of document.split('<svg').slice(1)) {
      const [drawing] = svg.split('</svg>')
      assert.equal(/#[0-9a-f]{3,8}\b|rgba?\(/i.exec(drawing)?.[0], undefined)
      assert.ok(drawing.includes('var(--'))
    }
  })

  it('is below 2 MB for 16 sites, 40 rounds and 30 blocks', () => {
    const size = { peers: 16, rounds: 40, blocks: 30, texts: 16 }
    const { length } = Buffer.from(federationDocument((kind, at) => `${kind} ${at}`, size))
    assert.ok(length < MOST_BYTES, `${length} bytes`)
  })

  it('shows as much of a run as there is', () => {
    const report = aFederationReport({ ...SIZE, name: (kind, at) => `${kind} ${at}` })
    const early = reportDocument(federationPage({ ...report, rounds: [], perplexity: [], times: null, end: null }))
    assert.ok(!early.includes('<section'))
    const later = reportDocument(federationPage({ ...report, end: null }))
    assert.ok(later.includes('id="timeline"'))
    assert.ok(!later.includes('id="bytes"'))
  })

  it('tells sites of one name apart', () => {
    assert.ok(federationDocument(() => 'clinic').includes('clinic …3KooW0'))
  })
})
