/**
 * What each folder of sources may import and call. Imports run one way, scripts -> peers -> protocols -> src; what a
 * machine computes knows no network, what peers say knows neither files nor models, and neither reads a clock or
 * draws by chance.
 */
import { dirname, join } from 'node:path'

/** From the innermost folder outwards: each imports itself and those before it. */
export const LAYERS = ['src', 'protocols', 'peers', 'scripts'] as const
type Layer = (typeof LAYERS)[number]

interface Ban {
  /** Matches an import specifier, or for `calls` a piece of source text. */
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
const CLOCK: Ban = {
  pattern: /\b(Date\.now|performance\.now|new Date\b|setTimeout|setInterval|AbortSignal\.timeout)/,
  reason: 'time is handed in',
}
const CHANCE: Ban = { pattern: /\bMath\.random\b/, reason: 'chance is handed in as a seed' }
const INEXACT: Ban = {
  pattern: /\bMath\.(?!(?:sqrt|fround|imul|floor|ceil|trunc|round|abs|sign|min|max|clz32)\b)\w+/,
  reason: 'only functions that give the same bits on every machine',
}

const IMPORTS: Record<Layer, Ban[]> = { src: [NETWORK], protocols: [FILES_AND_MODELS], peers: [], scripts: [] }
const CALLS: Record<string, Ban[]> = {
  'src/': [CLOCK, CHANCE],
  'src/merge/': [INEXACT],
  'protocols/': [CLOCK, CHANCE],
}

/** The one module that may name ONNX Runtime, and the one that turns its telemetry off before a thread can load it. */
const RUNTIME = 'src/runtime/onnx-runtime.ts'
const NO_TELEMETRY = 'src/runtime/no-telemetry.ts'

/** Whether ONNX Runtime could be loaded with its telemetry on. Asked of sources and tests alike. */
export function telemetryFaults(path: string, source: string): string[] {
  const code = withoutComments(source)
  const imports = importsOf(code)
  const named = path !== RUNTIME && imports.some((specifier) => /^onnxruntime-node(\/|$)/.test(specifier))
  const safe = imports.some((specifier) => [RUNTIME, NO_TELEMETRY].includes(join(dirname(path), specifier)))
  return [
    ...(named ? [`${path} imports onnxruntime-node: ${RUNTIME} has it, with its telemetry off`] : []),
    ...(/\bnew Worker\(/.test(code) && !safe ? [`${path} starts a thread: import ${NO_TELEMETRY} first`] : []),
  ]
}

/** What is wrong with one source file, a line each. @param path - relative to the repository, with slashes */
export function violations(path: string, source: string): string[] {
  const code = withoutComments(source)
  const layer = layerOf(path)
  const wrongImports = importsOf(code).flatMap((specifier) => importFault(path, layer, specifier))
  const wrongCalls = Object.entries(CALLS)
    .filter(([folder]) => path.startsWith(folder))
    .flatMap(([, bans]) => bans)
    .flatMap(({ pattern, reason }) => {
      const match = pattern.exec(code)
      return match ? [`${path}:${lineAt(code, match.index)} uses ${match[0]}: ${reason}`] : []
    })
  return [...wrongImports, ...wrongCalls, ...telemetryFaults(path, source)]
}

function importFault(path: string, layer: Layer, specifier: string): string[] {
  if (!specifier.startsWith('.')) {
    const ban = IMPORTS[layer].find(({ pattern }) => pattern.test(specifier))
    return ban ? [`${path} imports ${specifier}: ${ban.reason}`] : []
  }
  const target = join(dirname(path), specifier)
  const other = LAYERS.find((name) => target.startsWith(`${name}/`))
  if (other === undefined) return [`${path} imports ${specifier}: not one of ${LAYERS.join(', ')}`]
  if (LAYERS.indexOf(other) <= LAYERS.indexOf(layer)) return []
  return [`${path} imports ${specifier}: ${layer} must not know ${other}`]
}

function layerOf(path: string): Layer {
  const layer = LAYERS.find((name) => path.startsWith(`${name}/`))
  if (layer === undefined) throw new RangeError(`${path} lies in none of ${LAYERS.join(', ')}`)
  return layer
}

/** Specifiers of static imports, re-exports and import() with a literal. */
export function importsOf(code: string): string[] {
  return [...code.matchAll(/\b(?:from|import)\s*\(?\s*(['"])([^'"\n]+)\1/g)].map((match) => match[2])
}

/** Comments become spaces of the same length, so that line numbers stay; strings with "//" in them stay whole. */
function withoutComments(source: string): string {
  return source.replace(
    /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g,
    (match) => (match.startsWith('/') ? match.replace(/[^\n]/g, ' ') : match),
  )
}

function lineAt(code: string, index: number): number {
  return code.slice(0, index).split('\n').length
}
