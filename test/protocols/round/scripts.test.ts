import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Script } from './scripts.ts'

const HERE = fileURLToPath(new URL('./', import.meta.url))

/** A script is paragraphs: comments and commands, a line of dashes, the output. */
function play(text: string): string {
  const script = new Script()
  const paragraphs = text.trimEnd().split(/\n\n+/)
  const played = paragraphs.map((paragraph) => {
    const [input] = paragraph.split(/\n----(?:\n|$)/)
    const commands = input.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
    if (commands.length === 0) return input
    const output = commands.flatMap((line) => script.run(line.replace(/\s+#.*$/, '').trim()))
    return [input, '----', ...output].join('\n')
  })
  return `${played.join('\n\n')}\n`
}

for (const file of readdirSync(HERE).filter((name) => name.endsWith('.txt'))) {
  const text = readFileSync(HERE + file, 'utf8')
  const title = text.split('\n')[0].replace(/^# /, '')
  test(`${file}: ${title}`, () => {
    const played = play(text)
    // REWRITE=1 writes what happens now; commit only a difference that you understand and want.
    if (process.env['REWRITE'] === '1') writeFileSync(HERE + file, played)
    else assert.equal(text, played)
  })
}
