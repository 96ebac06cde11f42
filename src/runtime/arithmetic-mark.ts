/**
 * Tells whether two machines compute the same bits. Processors of different kinds sum the same products in another
 * order, and a prune then decides near ties differently.
 */
import { createHash } from 'node:crypto'
import { fixedNumbers } from './fixed-numbers.ts'
import { OnnxAlgebra } from './onnx-algebra.ts'

/** The number of rows that a calibration of the default run has in a batch, and the width of its model. */
const [ROWS, COLS] = [512, 192]

/**
 * The first 16 hexadecimal digits of SHA-256 of one Gram matrix, X^T X in float32, where X [512, 192] is the same
 * everywhere.
 */
export async function arithmeticMark(): Promise<string> {
  const x = { data: fixedNumbers(ROWS * COLS), rows: ROWS, cols: COLS }
  const algebra = await OnnxAlgebra.create()
  try {
    const { data } = await algebra.multiply(x, x, { transposeA: true })
    return createHash('sha256')
      .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
      .digest('hex')
      .slice(0, 16)
  } finally {
    await algebra.dispose()
  }
}
