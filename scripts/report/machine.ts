/** The machine on which a report's numbers were measured. */
import { availableParallelism, cpus, totalmem, type } from 'node:os'
import type { JobEngine } from '../../src/jobs/open-engine.ts'
import { bytes } from '../terminal/numbers.ts'

export interface MachineReport {
  processor: string
  cores: number
  memoryBytes: number
  system: string
  /** Machines with the same mark compute the same bits: see src/runtime/arithmetic-mark.ts. */
  mark: string
}

export async function machineReport(engine: JobEngine): Promise<MachineReport> {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    system: `${type()} ${process.arch}, Node ${process.versions.node}`,
    mark: await engine.run('mark', {}),
  }
}

export function machineInWords({ processor, cores, memoryBytes, system, mark }: MachineReport): string {
  return `${processor}, ${cores} cores, ${bytes(memoryBytes)} of memory, ${system}; its arithmetic has the mark ${mark}`
}
