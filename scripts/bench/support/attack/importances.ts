/** Word counts from importances: as if each token added its own, which it has where it follows one common token. */
import type { Matrix } from '../../../../src/algebra/linear-algebra.ts'
import type { Windows } from '../../../../src/form/windows.ts'
import { scaledImportances, TOTAL } from '../../../../src/merge/structures/scaled-importances.ts'
import type { StructuredModel } from '../../../../src/structure/federated/structured-model.ts'
import { importancesOf } from '../lies/structure-lies.ts'

/** The importances of all units as they are offered, each structure's share of the whole. */
export async function offeredImportances(model: StructuredModel, windows: Windows): Promise<Float32Array> {
  const found = await importancesOf(model, windows)
  return Float32Array.from(found.flat().flatMap((values) => Array.from(scaledImportances(values), (x) => x / TOTAL)))
}

/** One row a token, [ids, units]. @param common - the token in front of each */
export async function importanceDictionary(model: StructuredModel, ids: Int32Array, common: number): Promise<Matrix> {
  const rows: Float32Array[] = []
  for (const id of ids)
    rows.push(await offeredImportances(model, { ids: Int32Array.of(common, id), count: 1, length: 2 }))
  const cols = rows[0].length
  const data = new Float32Array(rows.length * cols)
  for (const [row, values] of rows.entries()) data.set(values, row * cols)
  return { data, rows: rows.length, cols }
}
