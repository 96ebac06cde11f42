/** A text for benchmarks that are given none. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { embeddedDocuments, embeddedTexts } from '../../embedded/texts.ts'

/** Writes the embedded model's training texts, over and over up to `bytes`, to a file in `directory`; its path. */
export function embeddedText(directory: string, bytes = 0): string {
  const once = embeddedTexts().flatMap(({ training }) => embeddedDocuments(training))
  const whole = once.map(({ text }) => text).join('\n\n')
  const path = join(directory, 'text.txt')
  writeFileSync(path, whole.repeat(Math.max(1, Math.ceil(bytes / Buffer.byteLength(whole)))))
  return path
}
