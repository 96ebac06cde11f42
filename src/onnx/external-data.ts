/** Where the files lie that hold weights of an ONNX file beside it. */
import { existsSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * A file that a graph names, relative to its own: beside it, as ONNX Runtime looks for it; or, where the graph's file
 * is a link and there is nothing, beside what the link leads to. In a Hugging Face cache both are links into blobs/,
 * where no file has the name that the graph gives, so what lies beside the link comes first.
 */
export function externalPath(graph: string, location: string): string {
  const beside = join(dirname(graph), location)
  if (existsSync(beside) || !existsSync(graph)) return beside
  const besideTarget = join(dirname(realpathSync(graph)), location)
  return existsSync(besideTarget) ? besideTarget : beside
}
