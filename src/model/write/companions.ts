/**
 * What travels with a model besides its graph and weights: configuration, tokenizer, chat templates, licences, the
 * card, code. All that is in the directory, at any depth, but for weights of any form, other graphs and what begins
 * with a dot. A link counts as what it leads to, as in a Hugging Face cache, where every file of a snapshot is a link.
 */
import { accessSync, constants, readdirSync, type Stats } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { InputError } from '../../base/errors.ts'
import { danglingLink, realPath, statOf, unreadable } from '../../files/linked-file.ts'
import { externalPath } from '../../onnx/external-data.ts'
import { readOnnx } from '../../onnx/read.ts'
import type { Decoder } from '../forward/decoder.ts'
import { holdsGraph } from '../graph/directory.ts'

interface Companions {
  /** Relative to the model's directory, with '/'; sorted. */
  files: string[]
  left: LeftBehind[]
}

/** What stays behind, and why. A directory stands for all that is in it. */
export interface LeftBehind {
  name: string
  /**
   * Weights or a graph; what begins with a dot; what was to be kept apart; results and data of a peer; a whole model; a
   * pipe; a link upwards.
   */
  why: 'model' | 'dot' | 'apart' | 'results' | 'other' | 'special' | 'cycle'
}

/** Forms of weights and graphs, by the ends of their names. */
const WEIGHTS =
  /\.(safetensors|bin|pt|pth|ckpt|h5|hdf5|msgpack|npz|gguf|ggml|ot|pb|tflite|mlmodel|onnx|ort)$|\.onnx[._]data([._]\d+)?$/i
/** The list of files that weights are spread over; OpenVINO's graph. */
const WEIGHTS_INDEX = /\.(safetensors|bin|h5|msgpack)\.index(\.\w+)?\.json$|^openvino_\w+\.xml$/i
/** Where commands put results that no --out names: with --model . they would lie in the model's directory. */
const RESULTS = 'coppice-out'
/** What results of a federation, and the data of a peer, hold: its key must not be copied. */
const MARKS = ['plan.cbor', 'peer.key']

/**
 * Entries of a directory that may be looked at: repositories of models have some tens. It also ends links that fan out.
 */
export const MAX_ENTRIES = 2000
/**
 * Companions together: the largest tokenizers have 40 MB. What is larger is a data set, or weights in a form that is
 * not known, and would be copied with every result.
 */
export const MAX_COMPANION_BYTES = 2 ** 30

type Model = Pick<Decoder, 'directory' | 'files'>

interface Entry {
  name: string
  path: string
}

/**
 * @param apart - paths of files and directories that do not come along though they lie there: texts, what is written
 * @throws {InputError} MODEL_FILE_UNREADABLE, MODEL_FILES_MANY: before anything is written
 */
export function companionsOf(decoder: Model, apart: readonly string[] = []): Companions {
  const { dir } = decoder.directory
  const { files, left, faults } = listCompanions(decoder, apart)
  for (const fault of faults) throw fault
  const entries = files.map((name) => ({ name, path: join(dir, name) }))
  assertSmall(dir, entries)
  for (const { path } of entries) assertReadable(path)
  return { files, left }
}

/** The same where nothing is to be copied: files that cannot be read are faults, none of which ends the walk. */
export function listCompanions(
  { directory: { dir }, files: own }: Model,
  apart: readonly string[] = [],
): Companions & { faults: InputError[] } {
  const walk = new Walk(new Set(apart.map(realPath)), dirname(own[0]))
  walk.directory(dir, '', new Set())
  const written = new Set(own.map(realPath))
  const others = walk.files.filter(({ path }) => !written.has(realPath(path)))
  const named = new Set(others.flatMap(({ path }) => weightsNamedBy(path)))
  const files = others.filter(({ name, path }) => {
    if (!isModelFile(name) && !named.has(realPath(path))) return true
    walk.left.push({ name, why: 'model' })
    return false
  })
  const left = walk.left.sort((a, b) => (a.name < b.name ? -1 : 1))
  return { files: files.map(({ name }) => name).sort(), left, faults: walk.faults }
}

/** Whether a file is a graph or weights, by its name. */
function isModelFile(name: string): boolean {
  return WEIGHTS.test(name) || WEIGHTS_INDEX.test(basename(name))
}

class Walk {
  readonly files: Entry[] = []
  readonly left: LeftBehind[] = []
  readonly faults: InputError[] = []
  private readonly apart: ReadonlySet<string>
  private readonly graphFolder: string
  private seen = 0

  /** @param graphFolder - where the model's own graph lies */
  constructor(apart: ReadonlySet<string>, graphFolder: string) {
    this.apart = apart
    this.graphFolder = graphFolder
  }

  /** @param above - real paths of the directories that hold this one, on the way here */
  directory(folder: string, prefix: string, above: ReadonlySet<string>): void {
    const holders = new Set([...above, realPath(folder)])
    for (const entry of this.entriesOf(folder)) {
      if (++this.seen > MAX_ENTRIES) throw many(folder, `more than ${MAX_ENTRIES} files`)
      this.entry({ name: `${prefix}${entry}`, path: join(folder, entry) }, holders)
    }
  }

  private entry({ name, path }: { name: string; path: string }, holders: ReadonlySet<string>): void {
    const stats = statOf(path)
    const why = this.reason(path, stats, holders)
    if (why !== null) this.left.push({ name, why })
    else if (stats === null) this.faults.push(danglingLink(path) ?? unreadable(path, 'its name is no UTF-8'))
    else if (stats.isDirectory()) this.directory(path, `${name}/`, holders)
    else this.files.push({ name, path })
  }

  private entriesOf(folder: string): string[] {
    try {
      return readdirSync(folder).sort()
    } catch (error) {
      this.faults.push(unreadable(folder, error))
      return []
    }
  }

  /** Why an entry stays behind; null: it does not, as far as its name and kind say. */
  private reason(path: string, stats: Stats | null, holders: ReadonlySet<string>): LeftBehind['why'] | null {
    const name = basename(path)
    if (name.startsWith('.')) return 'dot'
    if (stats === null) return isModelFile(name) ? 'model' : null
    if (this.apart.size > 0 && this.apart.has(realPath(path))) return 'apart'
    if (stats.isFile()) return null
    if (!stats.isDirectory()) return 'special'
    if (name === RESULTS || MARKS.some((mark) => statOf(join(path, mark)) !== null)) return 'results'
    if (holders.has(realPath(path))) return 'cycle'
    return path !== this.graphFolder && isModel(path) ? 'other' : null
  }
}

/** Whether a directory holds a whole model, such as an earlier result. */
function isModel(dir: string): boolean {
  return holdsGraph(dir) && statOf(join(dir, 'config.json')) !== null
}

/** Real paths of the files that another graph names; none where it is not understood. */
function weightsNamedBy(path: string): string[] {
  if (extname(path).toLowerCase() !== '.onnx') return []
  try {
    return readOnnx(path).externalFiles.map((name) => realPath(externalPath(path, name)))
  } catch {
    return []
  }
}

function assertSmall(dir: string, files: readonly Entry[]): void {
  const sizes = files.map(({ name, path }) => ({ name, size: statOf(path)?.size ?? 0 }))
  const bytes = sizes.reduce((sum, { size }) => sum + size, 0)
  if (bytes <= MAX_COMPANION_BYTES) return
  const [largest] = sizes.sort((a, b) => b.size - a.size)
  throw many(dir, `${(bytes / 2 ** 30).toFixed(1)} GiB beside its weights, the most in ${largest.name}`)
}

function assertReadable(path: string): void {
  try {
    accessSync(path, constants.R_OK)
  } catch (error) {
    throw unreadable(path, error)
  }
}

function many(folder: string, what: string): InputError {
  return new InputError({
    code: 'MODEL_FILES_MANY',
    what: `${folder} holds ${what}, which would all be copied beside what is written`,
    hint: 'Give --model a directory that holds the model alone.',
  })
}
