/** The job of listing the coupled structures of each block. */
import { describeStructures, type StructureDescription } from '../../structure/choose/describe.ts'
import type { GroupQueries } from '../../structure/find/walk.ts'
import type { Bench } from '../bench.ts'

export async function structures(
  { dir, groupQueries }: { dir: string; groupQueries: GroupQueries },
  bench: Bench,
): Promise<StructureDescription[]> {
  return describeStructures(bench.open(dir), groupQueries)
}
