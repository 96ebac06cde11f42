/** WebAssembly's text format into a module. */
import wabt from 'wabt'

/** A module in base64. @throws {Error} the text is wrong, or uses relaxed SIMD, whose bits may differ */
export async function wasmOf(text: string): Promise<string> {
  const { parseWat } = await wabt()
  const module = parseWat('module.wat', text, { simd: true, relaxed_simd: false })
  try {
    module.validate()
    return Buffer.from(module.toBinary({}).buffer).toString('base64')
  } finally {
    module.destroy()
  }
}
