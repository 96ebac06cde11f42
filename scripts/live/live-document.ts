/** The document of a live page, and its parts. */
import { html, Markup } from '../report/html/markup.ts'
import { bodyOf, type DrawnBefore, documentOf, type Page, pageParts } from '../report/html/page.ts'
import { LIVE_SCRIPT, LIVE_SCRIPT_HASH } from './live-script.ts'

export { pageParts, reportDocument, STATIC_POLICY } from '../report/html/page.ts'

/** As that of a report; besides, the one script runs, and connects to the server of the page. */
export const LIVE_POLICY = `default-src 'none'; script-src '${LIVE_SCRIPT_HASH}'; connect-src 'self'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'`

export function liveDocument(page: Page, before: DrawnBefore): string {
  const body = html`<p class="state" id="state" role="status">Live.</p>
${bodyOf(pageParts(page, before))}<script>${new Markup(LIVE_SCRIPT)}</script>
`
  return documentOf(page.title, LIVE_POLICY, body)
}
