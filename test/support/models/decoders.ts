import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { sharedPath } from '../shared.ts'

/** Where the graphs of more families and exporters lie, beside the checkout. */
export const SHARED = 'models/fixtures'

/** FAMILY/VARIANT of each graph there whose weights are not quantised; none where the folder is absent. */
export function sharedDecoders(): string[] {
  const root = sharedPath(SHARED)
  if (root === null) return []
  return readdirSync(root)
    .flatMap((family) =>
      family.includes('.') ? [] : readdirSync(join(root, family)).map((name) => `${family}/${name}`),
    )
    .filter((name) => existsSync(join(root, name, 'model.onnx')) && !/\/int\d$/.test(name))
    .sort()
}
