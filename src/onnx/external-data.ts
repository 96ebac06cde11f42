/** The places of the weight files of an ONNX file. */
import { existsSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * The path of a file that a graph names, relative to the graph's own file. It is beside that file, where ONNX Runtime
 * looks for it. If nothing is there and the graph's file is a link, it is beside the target of the link. In a Hugging
 * Face cache both are links into blobs/, where no file has the name that the graph gives, so files beside the link come
 * first.
 */
export function externalPath(graph: string, location: string): string {
  const beside = join(dirname(graph), location)
  if (existsSync(beside) || !existsSync(graph)) return beside
  const besideTarget = join(dirname(realpathSync(graph)), location)
  return existsSync(besideTarget) ? besideTarget : beside
}
