/** The name that a base model has on the Hugging Face Hub, as far as its directory tells. */
import { join } from 'node:path'
import { realPath } from '../../files/linked-file.ts'
import { readJson, snapshotAt } from '../graph/directory.ts'

/** An owner and a name, of the characters that the Hub allows. */
const HUB_NAME = /^\w[\w.-]{0,95}\/\w[\w.-]{0,95}$/

/**
 * OWNER/NAME: by the directory's place in the Hub's cache, or by what config.json says, which is copied with the model
 * anyway. null: neither tells. Any other path is nobody's business.
 */
export function hubName(dir: string): string | null {
  const said = snapshotAt(realPath(dir))?.repository ?? readJson(join(dir, 'config.json'))._name_or_path
  return typeof said === 'string' && HUB_NAME.test(said) ? said : null
}
