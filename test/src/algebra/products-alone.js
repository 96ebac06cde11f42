// `node products-alone.js BASE64`: the module of products.wat without the rest, in JavaScript that any Node with SIMD
// can run. Prints a digest of products of fixed numbers, of both directions of the left factor and both signs.
import { createHash } from 'node:crypto'

const [ROWS, COLS, DEPTH, RUNS] = [64, 48, 600, 30]
const module = new WebAssembly.Module(Buffer.from(process.argv[2], 'base64'))
const { memory, addProduct } = new WebAssembly.Instance(module).exports
memory.grow(Math.ceil((4 * (ROWS * DEPTH + DEPTH * COLS + ROWS * COLS)) / 65536))
const numbers = new Float32Array(memory.buffer)
let state = 1
for (let i = 0; i < numbers.length; i++) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  numbers[i] = (state / 2 ** 32 - 0.5) * 2 ** ((state & 31) - 16)
}
const right = 4 * ROWS * DEPTH
const out = right + 4 * DEPTH * COLS
// More than once, so that the optimising compiler has had its turn too.
for (let run = 0; run < RUNS; run++) {
  addProduct(ROWS, COLS, DEPTH, 0, 4 * DEPTH, 4, right, out, 1)
  addProduct(ROWS, COLS, DEPTH, 0, 4, 4 * ROWS, right, out, -1)
}
const result = new Uint8Array(memory.buffer, out, 4 * ROWS * COLS)
console.log(createHash('sha256').update(result).digest('hex'))
