/** Compiles the sources to dist/, which the npm package holds instead of them. Part of `npm run pack`. */
import { execFileSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** JavaScript with types beside it: the compiler reads the types, and leaves the rest alone. */
const GENERATED = join('src', 'onnx', 'generated')

const root = fileURLToPath(new URL('../../', import.meta.url))
const dist = join(root, 'dist')
rmSync(dist, { recursive: true, force: true })
execFileSync(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'], {
  cwd: root,
  stdio: 'inherit',
})
cpSync(join(root, GENERATED), join(dist, GENERATED), { recursive: true })
