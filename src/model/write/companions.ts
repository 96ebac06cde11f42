/**
 * The companions of a model: files that are copied with it besides its graph and weights, such as configuration,
 * tokenizer, chat templates, licences, the card, code. They are all files of the directory, at any depth, except
 * weights of any form, other graphs, and names that begin with a dot. A link counts as its target, as in a Hugging Face
 * cache, where every file of a snapshot is a link.
 */
import { accessSync, constants, readdirSync, type Stats } from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { InputError } from '../../base/errors.ts'
import { danglingLink, realPath, statOf, unreadableFile } from '../../files/linked-file.ts'
import { REPORT_PAGE } from '../../files/report-page.ts'
import { externalPath } from '../../onnx/external-data.ts'
import { readOnnx } from '../../onnx/read.ts'
import type { Decoder } from '../forward/decoder.ts'
import { holdsGraph } from '../graph/directory.ts'

interface Companions {
  /** Relative to the model's directory, with '/'; sorted. */
  files: string[]
  left: LeftBehind[]
}

/** An entry that is not copied, and the reason. A directory stands for all that is in it. */
export interface LeftBehind {
  name: string
  /**
   * The reason. model: weights or a graph. dot: a name that begins with a dot. apart: an entry of `apart`. results:
   * results or data of a peer. other: a whole model. special: a pipe or the like. cycle: a link upwards.
   */
  why: 'model' | 'dot' | 'apart' | 'results' | 'other' | 'special' | 'cycle'
}

/** Forms of weights and graphs, by the ends of their names. */
const WEIGHTS =
  /\.(safetensors|bin|pt|pth|ckpt|h5|hdf5|msgpack|npz|gguf|ggml|ot|pb|tflite|mlmodel|onnx|ort)$|\.onnx[._]data([._]\d+)?$/i
/** The list of files over which weights are spread, or OpenVINO's graph. */
const WEIGHTS_INDEX = /\.(safetensors|bin|h5|msgpack)\.index(\.\w+)?\.json$|^openvino_\w+\.xml$/i
/**
 * The directory in which commands put results when no --out is given. With --model . it would lie in the model's
 * directory.
 */
const RESULTS = 'coppice-out'
/** Files that mark results of a federation and the data of a peer. A peer's key must not be copied. */
const MARKS = ['plan.cbor', 'peer.key']

/**
 * The most entries of a directory that are examined: repositories of models have some tens. It also ends links that fan
 * out.
 */
export const MAX_ENTRIES = 2000
/**
 * The most bytes of all companions together. The largest tokenizers have 40 MB. Anything larger is a data set, or
 * weights in a form that is not known, and would be copied with every result.
 */
export const MAX_COMPANION_BYTES = 2 ** 30

type Model = Pick<Decoder, 'directory' | 'files'>

interface Entry {
  name: string
  path: string
}

/**
 * The companions of a model, checked before anything is written.
 * @param apart - paths of files and directories that are not copied though they lie there: texts, the output itself
 * @throws {InputError} MODEL_FILE_UNREADABLE, MODEL_FILES_MANY
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

/**
 * The companions of a model when nothing is to be copied. Files that cannot be read are listed as faults, and none of
 * them ends the walk.
 * @throws {InputError} MODEL_FILES_MANY
 */
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
export function isModelFile(name: string): boolean {
  return WEIGHTS.test(name) || WEIGHTS_INDEX.test(basename(name))
}

class Walk {
  readonly files: Entry[] = []
  readonly left: LeftBehind[] = []
  readonly faults: InputError[] = []
  private readonly apart: ReadonlySet<string>
  private readonly graphFolder: string
  private seen = 0

  /** @param graphFolder - directory of the model's own graph */
  constructor(apart: ReadonlySet<string>, graphFolder: string) {
    this.apart = apart
    this.graphFolder = graphFolder
  }

  /** Walks a directory. @param above - real paths of the directories that hold this one, on the way here */
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
    else if (stats === null) this.faults.push(danglingLink(path) ?? unreadableFile(path, 'its name is no UTF-8'))
    else if (stats.isDirectory()) this.directory(path, `${name}/`, holders)
    else this.files.push({ name, path })
  }

  private entriesOf(folder: string): string[] {
    try {
      return readdirSync(folder).sort()
    } catch (error) {
      this.faults.push(unreadableFile(folder, error))
      return []
    }
  }

  /** The reason why an entry is not copied; null if its name and kind give none. */
  private reason(path: string, stats: Stats | null, holders: ReadonlySet<string>): LeftBehind['why'] | null {
    const name = basename(path)
    if (name.startsWith('.')) return 'dot'
    if (stats === null) return isModelFile(name) ? 'model' : null
    if (this.apart.size > 0 && this.apart.has(realPath(path))) return 'apart'
    if (stats.isFile()) return name === REPORT_PAGE ? 'results' : null
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

/** Real paths of the files that another graph names; none if that graph cannot be read. */
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
    throw unreadableFile(path, error)
  }
}

function many(folder: string, what: string): InputError {
  return new InputError({
    code: 'MODEL_FILES_MANY',
    what: `${folder} holds ${what}, and all of it would be copied beside the written model`,
    hint: 'Give --model a directory that holds the model alone.',
  })
}
