import assert from 'node:assert/strict'
import { test } from 'node:test'
import { html, Markup } from '../../../../scripts/report/html/markup.ts'

test('texts are escaped between tags and in attributes, and markup is not', () => {
  const hostile = `<script>alert("1")</script>&amp;'`
  const { source } = html`<p title="${hostile}">${hostile}${[html`<b>${hostile}</b>`]}${1}</p>`
  const safe = '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;amp;&#39;'
  assert.equal(source, `<p title="${safe}">${safe}<b>${safe}</b>1</p>`)
})

test('an object that only looks like markup is not taken for it', () => {
  const fake = JSON.parse('{"source":"<script>"}')
  assert.ok(!(fake instanceof Markup))
  assert.throws(() => html`<p>${fake}</p>`)
})
