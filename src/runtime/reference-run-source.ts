/**
 * The source from which ONNX Runtime loads a model file: its path, unless links stand in the way. It opens weights
 * beside the graph, and only where they lie, links followed, in the directory of the path or in that of what the path
 * leads to (microsoft/onnxruntime#27374). That is so for a Hugging Face cache. Where a link leads elsewhere, as to
 * weights on another disk, it is given the graph from memory, with the places of the weights in it and otherwise as it
 * is.
 */
import { dirname, join, parse, relative, sep } from 'node:path'
import { realPath } from '../files/linked-file.ts'
import { externalPath } from '../onnx/external-data.ts'
import { readOnnx } from '../onnx/read.ts'
import { graphBytes } from '../onnx/write.ts'

export interface PlainSource {
  model: string | Uint8Array
  /** Entries of ONNX Runtime's session configuration that belong to it. */
  session: Record<string, string>
}

/** Folder that locations of weights are relative to in a graph from memory. */
const FOLDER = 'model_external_initializers_file_folder_path'

export function plainSource(path: string): PlainSource {
  const model = readOnnx(path)
  const files = model.externalFiles.map((name) => realPath(externalPath(path, name)))
  const opens = (graph: string) => model.externalFiles.every((name, i) => runtimeOpens(graph, name, files[i]))
  for (const graph of [path, realPath(path)]) if (opens(graph)) return { model: graph, session: {} }
  const { root } = parse(files[0])
  if (files.some((file) => !file.startsWith(root))) return { model: path, session: {} } // two drives
  const locationOf = (file: string) => relative(root, realPath(file)).replaceAll(sep, '/')
  return { model: graphBytes(model, locationOf), session: { [FOLDER]: root } }
}

/** Whether ONNX Runtime would open this very file for a graph. */
function runtimeOpens(graph: string, name: string, file: string): boolean {
  const own = [realPath(dirname(graph)), dirname(realPath(graph))]
  return realPath(join(dirname(graph), name)) === file && own.some((folder) => file.startsWith(`${folder}${sep}`))
}
