import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, it } from 'node:test'
import { wasmOf } from '../../../scripts/dev/wasm.ts'
import { PRODUCTS } from '../../../src/algebra/products.ts'

const TEXT = readFileSync(new URL('../../../src/algebra/products.wat', import.meta.url), 'utf8')
const ALONE = join(import.meta.dirname, 'products-alone.js')
/** The line that products-alone.js prints on every machine. */
const DIGEST = '6b0bf9679dee49ac573f7e3f0fec0e3cb762924f0662840566d7878bde5e3f3e'
/** The first Node whose WebAssembly has SIMD without a flag. */
const OLDEST = 18

/** The program and version of each Node on the path, but for this one's version. */
function otherNodes(): { program: string; version: string }[] {
  const name = process.platform === 'win32' ? 'node.exe' : 'node'
  const programs = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name))
  const found = new Map<string, string>()
  for (const program of programs.filter(existsSync)) {
    const version = execFileSync(program, ['--version'], { encoding: 'utf8' }).trim()
    if (version !== process.version && Number(version.slice(1).split('.')[0]) >= OLDEST) found.set(version, program)
  }
  return [...found].map(([version, program]) => ({ program, version }))
}

const digestUnder = (program: string) => execFileSync(program, [ALONE, PRODUCTS], { encoding: 'utf8' }).trim()

describe('the module of the portable products', () => {
  it('is that of its text, byte for byte', async () => {
    assert.equal(await wasmOf(TEXT), PRODUCTS, '`npm run generate` builds it')
  })

  it('computes with multiplications and additions of four float32, and with nothing else', () => {
    const operations = TEXT.match(/\b[fv]\d+(x\d+)?\.\w+/g)
    assert.deepEqual([...new Set(operations)].sort(), [
      'f32x4.add',
      'f32x4.mul',
      'f32x4.splat',
      'v128.load',
      'v128.load32_splat',
      'v128.store',
    ])
  })

  it('could not be built with a relaxed operation', async () => {
    const fused = TEXT.replace(
      /\(f32x4\.add \(local\.get \$s00\) \(f32x4\.mul/,
      '(f32x4.relaxed_madd (local.get $s00) (f32x4.mul',
    )
    await assert.rejects(wasmOf(fused), /relaxed_madd/)
  })

  it('gives the bits that it gave on other machines', () => {
    assert.equal(digestUnder(process.execPath), DIGEST)
  })

  const others = otherNodes()
  const skip = others.length === 0 ? `no Node but ${process.version} is on the path` : false
  it(`gives the same bits under ${others.map(({ version }) => version).join(' and ') || 'another Node'}`, {
    skip,
  }, () => {
    for (const { program, version } of others) assert.equal(digestUnder(program), DIGEST, version)
  })
})
