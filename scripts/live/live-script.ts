/**
 * The one script of a live page. It puts the parts that the command sends in the place of those that are shown, keeps
 * what a reader has unfolded, and says when the command has ended. It speaks to the address that it came from and to no
 * other, as the page's policy demands.
 */
import { createHash } from 'node:crypto'

export const LIVE_SCRIPT = `'use strict'
const state = document.getElementById('state')
const main = document.querySelector('main')
const say = (text) => { state.textContent = text }
const source = new EventSource('events')
const put = ({ id, html }) => {
  const made = document.createElement('template')
  made.innerHTML = html
  const fresh = made.content.firstElementChild
  const old = document.getElementById(id)
  if (old === null) { main.append(fresh); return }
  if (old.querySelector('details')?.open) fresh.querySelector('details').open = true
  const [before, after] = [old, fresh].map((part) => part.querySelector('.scroll'))
  const at = before ? [before.scrollTop, before.scrollLeft] : [0, 0]
  old.replaceWith(fresh)
  if (after) [after.scrollTop, after.scrollLeft] = at
}
source.addEventListener('parts', (event) => {
  const { order, parts } = JSON.parse(event.data)
  parts.forEach(put)
  for (const section of [...main.children]) if (!order.includes(section.id)) section.remove()
  const shown = [...main.children].map((section) => section.id)
  const wanted = order.filter((id) => shown.includes(id))
  if (shown.join() !== wanted.join()) for (const id of wanted) main.append(document.getElementById(id))
  say('Live. Last change: ' + new Date().toLocaleTimeString())
})
source.addEventListener('end', () => {
  source.close()
  say('The command has ended. This is its final report.')
})
source.onerror = () => {
  source.close()
  say('The command has ended, or cannot be reached. This is what it last sent.')
}
`

/** For the policy: this script may run, and no other. */
export const LIVE_SCRIPT_HASH = `sha256-${createHash('sha256').update(LIVE_SCRIPT).digest('base64')}`
