/** The model of a command: a directory is taken as it is, one of a hub is fetched first. */
import type { Run } from '../command.ts'
import { isHubName } from './name.ts'

interface GivenModel {
  /** A path, or hf:OWNER/NAME[@REVISION]. */
  model: string
  /** Whether no hub may be asked. */
  offline: boolean
}

/** The same options with a path as the model. @throws {CoppiceError} as hubModel does */
export async function withModel<Options extends GivenModel>(
  options: Options,
  run: Pick<Run, 'terminal' | 'signal'>,
): Promise<Options> {
  const { model, offline } = options
  if (!isHubName(model)) return options
  const { hubModel } = await import('./model.ts')
  return { ...options, model: await hubModel(model, { offline, environment: process.env }, run) }
}
