/** The files of a repository that a model needs here: one graph with its weights, and the model's companions. */
import { posix } from 'node:path'
import { InputError } from '../../src/base/errors.ts'
import { GRAPH_PLACES } from '../../src/model/graph/directory.ts'
import { isModelFile } from '../../src/model/write/companions.ts'
import type { HubFile } from './server.ts'

/** Configuration, tokenizer, templates, licence and card. */
const COMPANION = /\.(json|jinja|txt|model)$|^(licen[cs]e|notice|use_policy|readme)(\.\w+)?$/i
/** The largest tokenizers have 40 MB. Anything larger is a data set. */
const MOST_COMPANION_BYTES = 2 ** 26
/** Without these no command can work. */
export const NEEDED_FILES = ['config.json', 'tokenizer.json']

interface Chosen {
  graph: HubFile
  companions: HubFile[]
  /** Files that are weights of the graph by their names; the graph itself decides. */
  likelyWeights: HubFile[]
}

/**
 * Chooses the graph by GRAPH_PLACES, so float32 comes before fp16, and the merged decoder after the exporters' own
 * name. Companions lie in the repository's root, or beside the graph.
 * @throws {InputError} HUB_NO_ONNX, HUB_FILE_MISSING
 */
export function chooseFiles(repository: string, files: readonly HubFile[]): Chosen {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const graph = GRAPH_PLACES.map((place) => byPath.get(place)).find((file) => file !== undefined)
  if (graph === undefined) throw noGraph(repository, files)
  for (const path of NEEDED_FILES) if (!byPath.has(path)) throw fileMissing(repository, path)
  const folders = ['.', posix.dirname(graph.path)]
  const companions = files.filter(({ path, size }) => {
    const name = posix.basename(path)
    const isCompanion = COMPANION.test(name) && !name.startsWith('.') && !isModelFile(name)
    return isCompanion && isPlain(path) && folders.includes(posix.dirname(path)) && size <= MOST_COMPANION_BYTES
  })
  const likelyWeights = files.filter(
    ({ path }) => path.startsWith(`${graph.path}_data`) || path === `${graph.path}.data`,
  )
  return { graph, companions, likelyWeights }
}

/**
 * The weight files that a graph names.
 * @param names - with the bytes that they have at least, relative to the graph
 * @throws {InputError} HUB_FILE_MISSING
 */
export function chooseWeights(
  repository: string,
  graph: HubFile,
  names: ReadonlyMap<string, number>,
  files: readonly HubFile[],
): HubFile[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  return [...names].map(([name, bytes]) => {
    const path = posix.join(posix.dirname(graph.path), name)
    const file = isPlain(path) ? byPath.get(path) : undefined
    if (file === undefined || file.size < bytes) throw fileMissing(repository, path)
    return file
  })
}

/** Whether a path stays where it is put, on every system. */
function isPlain(path: string): boolean {
  return path.split('/').every((part) => /^[^\\:\0]+$/.test(part) && part !== '.' && part !== '..')
}

function noGraph(repository: string, files: readonly HubFile[]): InputError {
  const others = files.map(({ path }) => path).filter((path) => path.endsWith('.onnx'))
  const found = others.length === 0 ? 'no ONNX file' : `no ${GRAPH_PLACES[1]}, but ${others.slice(0, 3).join(', ')}`
  return new InputError({
    code: 'HUB_NO_ONNX',
    what: `the repository ${repository} holds ${found}`,
    hint: `Export it with Optimum, and give --model that directory: optimum-cli export onnx --model ${repository} --task text-generation-with-past base`,
  })
}

function fileMissing(repository: string, path: string): InputError {
  return new InputError({
    code: 'HUB_FILE_MISSING',
    what: `the repository ${repository} lacks ${path}, or a part of it`,
    hint: `Choose another revision or repository, or export the model: optimum-cli export onnx --model ${repository} --task text-generation-with-past base`,
  })
}
