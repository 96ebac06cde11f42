/** The job of telling how this machine computes: see runtime/arithmetic-mark.ts. */
import { arithmeticMark } from '../../runtime/arithmetic-mark.ts'

export function mark(_: object): Promise<string> {
  return arithmeticMark()
}
