/** A report and a live page in a real browser, where one is installed. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { LivePage } from '../../../scripts/live/live-page.ts'
import { reportDocument } from '../../../scripts/report/html/page.ts'
import { federationPage } from '../../../scripts/report/pictures/federation-page.ts'
import { temporaryDirectory } from '../../support/nodes.ts'
import { Browser, installedBrowser } from '../../support/pages/browser.ts'
import { aFederationReport } from '../../support/pages/reports.ts'

const program = installedBrowser()
const skip = program === null && 'no Chromium is installed'
const report = aFederationReport({
  peers: 16,
  rounds: 4,
  blocks: 6,
  texts: 4,
  name: (kind, at) => `${kind} <b>${at}</b>`,
})
const final = federationPage({ ...report, end: report })

/** Whether anything is wider than the screen. */
const OVERFLOWS = 'document.documentElement.scrollWidth > innerWidth'
const SHOWN = (kind: string) => `[...document.querySelectorAll('svg.${kind}')].every((svg) => svg.clientWidth > 200)`

test('a report asks for nothing, has no errors, and fits a wide and a narrow screen, light and dark', {
  skip,
}, async (context) => {
  const path = join(await temporaryDirectory(context), 'report.html')
  writeFileSync(path, reportDocument(final))
  const url = pathToFileURL(path).href
  await using browser = Browser.open(program ?? '')
  const grounds = []
  for (const { width, dark, drawing } of [
    { width: 1200, dark: false, drawing: 'wide' },
    { width: 390, dark: true, drawing: 'narrow' },
  ]) {
    const tab = await browser.visit(url, { width, dark })
    assert.equal(await tab.value('document.querySelectorAll("section").length'), final.sections.length)
    assert.equal(await tab.value(OVERFLOWS), false, `${drawing}: wider than the screen`)
    assert.equal(await tab.value(SHOWN(drawing)), true, `${drawing} drawings are shown`)
    assert.equal(await tab.value('document.querySelectorAll("b").length'), 0, 'a name became an element')
    grounds.push(await tab.value('getComputedStyle(document.body).backgroundColor'))
    assert.deepEqual(
      tab.requests.filter((request) => request !== url && request !== 'data:,'),
      [],
    )
    assert.deepEqual(tab.problems, [])
    assert.equal(await tab.value('fetch("data:text/plain,x").then(() => "sent", () => "refused")'), 'refused')
  }
  assert.notEqual(grounds[0], grounds[1])
})

test('a live page shows changes as they come, asks nobody else, and ends with the report', {
  skip,
}, async (context) => {
  const notes: string[] = []
  const page = await LivePage.open({ host: '127.0.0.1', port: 0, isOpen: false }, { note: (text) => notes.push(text) })
  context.after(() => page[Symbol.asyncDispose]())
  page.announce()
  const [url = ''] = notes.join().match(/http:\S+/) ?? []
  const { origin } = new URL(url)
  await using browser = Browser.open(program ?? '')
  const tab = await browser.visit(url, { width: 1200 })
  const comes = (condition: string) =>
    tab.value(
      `new Promise((found) => { const look = () => ${condition} ? found(true) : setTimeout(look, 20); look() })`,
    )
  const title = (text: string) => comes(`document.querySelector('h1').textContent === ${JSON.stringify(text)}`)
  await title('Coppice is starting')
  page.show(() => ({ ...federationPage({ ...report, end: null }), title: 'begun' }))
  await title('begun')
  await comes('document.querySelector("#timeline details") !== null')
  await tab.value('document.querySelector("#timeline details").open = true')
  await page.end(final)
  await comes('document.getElementById("state").textContent.includes("final report")')
  assert.equal(await tab.value('document.querySelector("h1").textContent'), final.title)
  const order = final.sections.map(({ id }) => id)
  assert.deepEqual(await tab.value('[...document.querySelectorAll("section")].map(({ id }) => id)'), order)
  assert.equal(await tab.value('document.querySelector("#timeline details").open'), true)
  assert.equal(await tab.value('document.querySelectorAll("b").length'), 0)
  assert.deepEqual(
    tab.requests.filter((request) => request !== 'data:,' && !request.startsWith(origin)),
    [],
  )
  assert.deepEqual(tab.problems, [])
  // Whoever opens it now gets the report itself, which runs nothing.
  const late = await browser.visit(url, { width: 1200 })
  assert.equal(await late.value('document.scripts.length'), 0)
  assert.deepEqual(late.problems, [])
})
