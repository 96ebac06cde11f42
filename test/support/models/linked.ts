/** Model directories as Hugging Face's cache and exporters lay them out, made of others. */
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { REPORT_PAGE } from '../../../src/files/report-page.ts'
import { readOnnx } from '../../../src/onnx/read.ts'
import { byteLength, type TensorRef, tensorBytes } from '../../../src/onnx/tensor.ts'
import { graphBytes } from '../../../src/onnx/write.ts'

/** Every file a link into blobs/, graph and weights in onnx/; returns the snapshot. */
export function hubCache(plain: string, root: string): string {
  const snapshot = join(root, 'models--a--b', 'snapshots', 'abc')
  const blobs = join(root, 'models--a--b', 'blobs')
  for (const folder of [blobs, join(snapshot, 'onnx')]) mkdirSync(folder, { recursive: true })
  for (const name of readdirSync(plain)) {
    const from = join(plain, name)
    const blob = join(blobs, createHash('sha256').update(readFileSync(from)).digest('hex'))
    copyFileSync(from, blob)
    const link = join(snapshot, name.startsWith('model.') ? 'onnx' : '', name)
    symlinkSync(relative(dirname(link), blob), link)
  }
  return snapshot
}

/** Writes a graph whose large tensors lie in files beside it, each in the one that `fileOf` names. */
export function spreadWeights(from: string, to: string, fileOf: (tensor: TensorRef, k: number) => string): string[] {
  const model = readOnnx(from)
  const ends = new Map<string, Buffer>()
  let k = 0
  for (const [name, tensor] of model.initializers) {
    if (byteLength(tensor) < 1024) continue
    const file = fileOf(tensor, k++)
    const before = ends.get(file) ?? Buffer.alloc(0)
    const bytes = tensorBytes(tensor)
    ends.set(file, Buffer.concat([before, bytes]))
    const data = { kind: 'file', path: join(dirname(to), file), offset: before.length, length: bytes.length } as const
    model.initializers.set(name, { ...tensor, data })
  }
  mkdirSync(dirname(to), { recursive: true })
  for (const [file, bytes] of ends) writeFileSync(join(dirname(to), file), bytes)
  writeFileSync(to, graphBytes(model, basename))
  return [...ends.keys()]
}

/** Files at any depth, by name, and their content, but for report pages, which tell times; a link is an error. */
export function contentsOf(dir: string): Map<string, Buffer> {
  const entries = readdirSync(dir, { recursive: true, withFileTypes: true })
  const links = entries.filter((entry) => entry.isSymbolicLink()).map(({ name }) => name)
  if (links.length > 0) throw new Error(`links: ${links}`)
  const files = entries.filter((entry) => entry.isFile() && entry.name !== REPORT_PAGE)
  const paths = files.map(({ parentPath, name }) => join(parentPath, name)).sort()
  return new Map(paths.map((path) => [relative(dir, path), readFileSync(path)]))
}
