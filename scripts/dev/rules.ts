/**
 * The rules of the house: the imports that each folder may have, and the calls that each may make.
 *
 * Imports run one way between the four folders, scripts -> peers -> protocols -> src, and inside `src` from the upper
 * floors to the lower ones. Computations of one machine (src) know no network, messages between peers (protocols) know
 * neither files nor models, and neither reads a clock or draws by chance. Code that the merge executes uses exact
 * arithmetic alone.
 */
import { dirname, join } from 'node:path'
import { codeOf, importsOf, isComment, lineAt, namesOf } from './source.ts'

/** The folders, from the innermost one outwards: each imports itself and those before it. */
export const LAYERS = ['src', 'protocols', 'peers', 'scripts'] as const
type Layer = (typeof LAYERS)[number]

/** The rooms of `src`, from the lowest floor to the highest: each imports itself and those before it. */
export const ROOMS = [
  'base',
  'form',
  'algebra',
  'files',
  'onnx',
  'runtime',
  'model',
  'prune',
  'merge',
  'structure',
  'recover',
  'engine',
  'jobs',
] as const
type Room = (typeof ROOMS)[number]

/**
 * The most files in a folder: a reader sees this many names at a glance. A folder with more no longer says what is in
 * it.
 */
export const MAX_FILES_A_FOLDER = 15
/** The width of comments, the same as that of the code. The formatter holds the latter, but leaves comments alone. */
export const MAX_COMMENT_COLUMNS = 120

interface Ban {
  /** Matches an import specifier, or in CALLS a piece of source text. */
  pattern: RegExp
  reason: string
}

const NETWORK: Ban = {
  pattern:
    /^(libp2p|@libp2p\/.*|@chainsafe\/.*|@multiformats\/.*|multiformats|it-.*|node:(net|tls|dgram|dns|https?|http2))(\/.*)?$/,
  reason: 'src computes and knows no network',
}
const FILES_AND_MODELS: Ban = {
  pattern: /^(node:fs|onnxruntime-.*|tokenizers)(\/.*)?$/,
  reason: 'protocols know neither files nor models',
}
const TIMERS: Ban = { pattern: /^node:(timers(\/promises)?|perf_hooks)$/, reason: 'time is handed in' }
const CLOCK: Ban = {
  pattern:
    /\b(Date\.now|Date\(|new Date\b|performance\b|hrtime\b|process\.uptime|setTimeout|setInterval|AbortSignal\.timeout|Temporal\b)/,
  reason: 'time is handed in',
}
const CHANCE: Ban = {
  pattern: /\b(Math\.random|randomBytes|randomInt|randomUUID|getRandomValues)\b/,
  reason: 'chance is handed in as a seed',
}
const INEXACT: Ban = {
  pattern: /\bMath\s*(?:\.\s*(?!(?:sqrt|fround|imul|floor|ceil|trunc|round|abs|sign|min|max|clz32)\b)\w+|\[)/,
  reason: 'only functions that give the same bits on every machine',
}
const POWER: Ban = {
  pattern: /(?<!\b2 )\*\*|\*\*=|\*\* (?!\d+\b)/,
  reason: 'powers may differ between machines, but for those of 2 that are written out',
}
const SHARE: Ban = {
  pattern: /\b\w*ppm\w*\s*\/|\bppmToFraction\b/i,
  reason: 'a share in ppm becomes a count in integers: see base/decimal.ts',
}

const UNORDERED: Ban = {
  pattern: /\bnew (Map|Set)\b|\bfor \(const \w+ in /,
  reason: 'iteration follows an order that the data give',
}
/** Code that the merge executes gives the same bits on every machine. */
const EXACT = [INEXACT, POWER, SHARE, UNORDERED]

const IMPORTS: Record<Layer, Ban[]> = {
  src: [NETWORK, TIMERS],
  protocols: [FILES_AND_MODELS, TIMERS],
  peers: [],
  scripts: [],
}
const CALLS: Record<string, Ban[]> = {
  'src/': [CLOCK, CHANCE],
  'src/form/': EXACT,
  'src/algebra/': EXACT,
  'src/merge/': EXACT,
  'src/prune/masks/': EXACT,
  'src/prune/sparsegpt/': EXACT,
  'src/prune/run/group.ts': EXACT,
  // Validation compares with where training began.
  'src/recover/adapters.ts': EXACT,
  'protocols/': [CLOCK, CHANCE],
}

/**
 * The one file of `src` and `protocols` that reads a clock: it gives seconds for reports, and no other result depends
 * on it.
 */
const STOPWATCH = 'src/base/stopwatch.ts'
/** A signal reaches a long computation between two turns of the event loop: no clock is read. */
const TURNS = /\bimport \{ setImmediate \} from 'node:timers\/promises'/

/** Benchmarks measure the liars that the tests refuse. */
const BENCHMARKS = 'scripts/bench/'
const LIARS = 'test/support/liars.ts'

/** The one module that may name ONNX Runtime, and the one that turns its telemetry off before a thread can load it. */
const RUNTIME = 'src/runtime/onnx-runtime.ts'
const NO_TELEMETRY = 'src/runtime/no-telemetry.ts'

/** The faults by which ONNX Runtime could be loaded with its telemetry on. Checked in sources and tests alike. */
export function telemetryFaults(path: string, source: string): string[] {
  const code = codeOf(source)
  const imports = importsOf(code)
  const named = path !== RUNTIME && imports.some((specifier) => /^onnxruntime-node(\/|$)/.test(specifier))
  const safe = imports.some((specifier) => [RUNTIME, NO_TELEMETRY].includes(join(dirname(path), specifier)))
  return [
    ...(named ? [`${path} imports onnxruntime-node: ${RUNTIME} has it, with its telemetry off`] : []),
    ...(/\bnew Worker\(/.test(code) && !safe ? [`${path} starts a thread: import ${NO_TELEMETRY} first`] : []),
  ]
}

/** The faults of one source file, one line each. @param path - relative to the repository, with slashes */
export function violations(path: string, source: string): string[] {
  const code = codeOf(source)
  const layer = layerOf(path)
  const wrongImports = importsOf(code).flatMap((specifier) => importFault(path, layer, specifier, code))
  const bans = Object.entries(CALLS)
    .filter(([folder]) => path.startsWith(folder))
    .flatMap(([, those]) => those)
    .filter((ban) => ban !== CLOCK || path !== STOPWATCH)
  const wrongCalls = bans.flatMap(({ pattern, reason }) => {
    const match = pattern.exec(code)
    return match ? [`${path}:${lineAt(code, match.index)} uses ${match[0]}: ${reason}`] : []
  })
  return [...wrongImports, ...wrongCalls, ...telemetryFaults(path, source), ...wideComments(path, source)]
}

/** Comment lines that are wider than the code. Checked in sources and tests alike. */
export function wideComments(path: string, source: string): string[] {
  return source.split('\n').flatMap((line, at) => {
    if (line.length <= MAX_COMMENT_COLUMNS || !isComment(line)) return []
    return [`${path}:${at + 1} is a comment of ${line.length} columns: at most ${MAX_COMMENT_COLUMNS}`]
  })
}

/** Folders that hold too many files. @param paths - of all files of the sources, or of all files of the tests */
export function crowdedFolders(paths: readonly string[]): string[] {
  const byFolder = Map.groupBy(paths, (path) => dirname(path))
  return [...byFolder].flatMap(([folder, { length }]) =>
    length <= MAX_FILES_A_FOLDER ? [] : [`${folder} holds ${length} files: at most ${MAX_FILES_A_FOLDER}`],
  )
}

/** Names that a program looks up in a file instead of importing them: commands of `npm run bench`. */
const LOOKED_UP = /^scripts\/bench\/[\w-]+(\/index)?\.ts#run$/

/** Exports of the sources that no other file imports. @param sources - by path; tests among them count as importers */
export function lonelyExports(sources: ReadonlyMap<string, string>): string[] {
  const names = new Map([...sources].map(([path, source]) => [path, namesOf(codeOf(source))]))
  const used = new Set<string>()
  for (const [path, { imported }] of names)
    for (const { specifier, name } of imported) used.add(`${join(dirname(path), specifier)}#${name}`)
  return [...names]
    .filter(([path]) => !path.startsWith('test/'))
    .flatMap(([path, { exported }]) =>
      exported
        .filter((name) => ![name, '*'].some((each) => used.has(`${path}#${each}`)))
        .filter((name) => !LOOKED_UP.test(`${path}#${name}`))
        .map((name) => `${path} exports ${name}, which no other file imports`),
    )
}

/** A protocol's files may know each other in a circle: its `index.ts` holds the types of all of them. */
const OWN_FOLDER = /^protocols\/[\w-]+\//

/** Circles of imports, types included. @param sources - by path */
export function circles(sources: ReadonlyMap<string, string>): string[] {
  const targets = new Map(
    [...sources].map(([path, source]) => {
      const own = OWN_FOLDER.exec(path)?.[0]
      const imports = importsOf(codeOf(source)).map((specifier) => join(dirname(path), specifier))
      return [path, imports.filter((target) => sources.has(target) && !(own && target.startsWith(own)))]
    }),
  )
  const done = new Set<string>()
  const found: string[] = []
  const visit = (path: string, way: string[]): void => {
    const at = way.indexOf(path)
    if (at !== -1) found.push(`a circle of imports: ${[...way.slice(at), path].join(' -> ')}`)
    if (at !== -1 || done.has(path)) return
    for (const target of targets.get(path) ?? []) visit(target, [...way, path])
    done.add(path)
  }
  for (const path of targets.keys()) visit(path, [])
  return found
}

function importFault(path: string, layer: Layer, specifier: string, code: string): string[] {
  if (!specifier.startsWith('.')) {
    const ban = IMPORTS[layer].find(({ pattern }) => pattern.test(specifier))
    if (ban === undefined || (ban === TIMERS && TURNS.test(code))) return []
    return [`${path} imports ${specifier}: ${ban.reason}`]
  }
  const target = join(dirname(path), specifier)
  if (path.startsWith(BENCHMARKS) && target === LIARS) return []
  const other = LAYERS.find((name) => target.startsWith(`${name}/`))
  if (other === undefined) return [`${path} imports ${specifier}: not one of ${LAYERS.join(', ')}`]
  if (LAYERS.indexOf(other) > LAYERS.indexOf(layer))
    return [`${path} imports ${specifier}: ${layer} must not know ${other}`]
  if (other !== 'src' || layer !== 'src') return []
  const [own, lower] = [roomOf(path), roomOf(target)]
  if (own === undefined || lower === undefined)
    return [`${path} imports ${specifier}: src has the rooms ${ROOMS.join(', ')}`]
  if (ROOMS.indexOf(lower) <= ROOMS.indexOf(own)) return []
  return [`${path} imports ${specifier}: ${own} must not know ${lower}, which is a higher floor`]
}

function layerOf(path: string): Layer {
  const layer = LAYERS.find((name) => path.startsWith(`${name}/`))
  if (layer === undefined) throw new RangeError(`${path} lies in none of ${LAYERS.join(', ')}`)
  return layer
}

function roomOf(path: string): Room | undefined {
  return ROOMS.find((room) => path.startsWith(`src/${room}/`))
}
