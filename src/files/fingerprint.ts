/**
 * The fingerprint of some work, in three parts. If all three are equal, the work gives the same bits on one machine.
 */
import { createHash } from 'node:crypto'
import type { Windows } from '../form/windows.ts'

type Part = 'model' | 'text' | 'settings'

export interface Fingerprint {
  /** SHA-256 of each part, hexadecimal. */
  digests: Record<Part, string>
  /** The same parts in words, for messages. */
  words: Record<Part, string>
  /** The number and the length of windows. Texts that were cut in other ways cannot be compared. */
  windows: [count: number, length: number] | null
}

interface WorkInputs {
  /** A prefix of the hashed bytes. It changes whenever the same inputs give other bits than before. */
  domain: string
  /** The name of the model, for messages. */
  modelName: string
  /** The hash of the model: see model/forward/hash.ts. */
  modelHash: Uint8Array
  windows: Windows | undefined
  /** All settings that change the result, as JSON. */
  settings: unknown
  /** The settings in words, for messages. */
  words: string
}

/** Tokens that tell the texts of one site apart: a page. */
const FINGERPRINT_TOKENS = 256
/** The number of hexadecimal digits in messages. */
export const SHOWN_DIGITS = 8

export function fingerprint({ domain, modelName, modelHash, windows, settings, words }: WorkInputs): Fingerprint {
  const shape: Fingerprint['windows'] = windows === undefined ? null : [windows.count, windows.length]
  const targets = windows?.targets === undefined ? [] : [windows.targets]
  const sha256 = (...parts: (string | ArrayBufferView)[]) => digest(domain, parts)
  const digests = {
    model: Buffer.from(modelHash).toString('hex'),
    text: windows === undefined ? sha256('') : sha256(JSON.stringify(shape), windows.ids, ...targets),
    settings: sha256(JSON.stringify(settings)),
  }
  return {
    digests,
    words: {
      model: `${modelName} ${digests.model.slice(0, SHOWN_DIGITS)}`,
      text: windows === undefined ? 'none' : digests.text.slice(0, SHOWN_DIGITS),
      settings: words,
    },
    windows: shape,
  }
}

/**
 * The parts that differ, in order. If the windows were cut in another way, the settings differ and the text is not
 * compared.
 */
function differences(a: Fingerprint, b: Fingerprint): Part[] {
  const comparable = JSON.stringify(a.windows) === JSON.stringify(b.windows)
  const differs = (part: Part) => a.digests[part] !== b.digests[part]
  return (['model', 'text', 'settings'] as const).filter((part) => {
    if (comparable || part === 'model') return differs(part)
    return part === 'settings'
  })
}

/** The names of the parts, to follow the word "another". */
const NAMES: Record<Part, string> = { model: 'model', text: 'text', settings: 'choice of settings' }

/** The differences in words, to follow the word "another"; null: there is none. */
export function differencesInWords(kept: Fingerprint, now: Fingerprint): string | null {
  const told = differences(kept, now).map((part) => `${NAMES[part]} (${kept.words[part]}, now ${now.words[part]})`)
  return told.length === 0 ? null : told.join(' and ')
}

/**
 * The fingerprint of a text by itself: SHA-256 of its first tokens, hexadecimal. It stays the same if more of the text
 * is used, or if the text is cut into windows of another length.
 */
export function textFingerprint({ ids }: Windows): string {
  return digest('coppice/text/1', [ids.subarray(0, FINGERPRINT_TOKENS)])
}

export function digest(domain: string, parts: readonly (string | ArrayBufferView)[]): string {
  const hash = createHash('sha256').update(domain)
  for (const part of parts) hash.update('\0').update(typeof part === 'string' ? part : bytes(part))
  return hash.digest('hex')
}

function bytes({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength)
}
