/** A part of `npm run generate`: builds src/algebra/products.wat and puts the bytes into src/algebra/products.ts. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../paths.ts'
import { wasmOf } from './wasm.ts'

const FOLDER = join(PACKAGE_ROOT, 'src', 'algebra')
const TARGET = join(FOLDER, 'products.ts')

const built = await wasmOf(await readFile(join(FOLDER, 'products.wat'), 'utf8'))
const before = await readFile(TARGET, 'utf8')
await writeFile(TARGET, before.replace(/'[\w+/=]*'/, `'${built}'`))
