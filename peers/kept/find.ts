/** Finds the federations that a data directory holds. */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toHex } from '../../protocols/wire/encoding.ts'
import { systemCode, unwritable } from '../../src/base/system-errors.ts'
import { FEDERATIONS_NAME, OFFER_FILE } from '../disk/data-directory.ts'
import { KeptFederation } from './federation.ts'

/**
 * All federations of a data directory whose id begins with these digits, the newest first.
 * @throws {OutputError} OUTPUT_PLAN_DAMAGED, OUTPUT_UNWRITABLE
 */
export async function keptFederations(data: string, id = ''): Promise<KeptFederation[]> {
  const opened = (await directories(data, id)).map((directory) => KeptFederation.open(directory))
  const kept = (await Promise.all(opened)).filter((one) => one !== null)
  return kept.sort((a, b) => b.facts.began - a.facts.began)
}

/** The federation that was founded by this offer; null: there is none. @throws {OutputError} as keptFederations does */
export async function keptByOffer(data: string, offer: Uint8Array): Promise<KeptFederation | null> {
  for (const directory of await directories(data, '')) {
    const text = await readFile(join(directory, OFFER_FILE), 'utf8').catch(() => '')
    if (text.trim() === toHex(offer)) return KeptFederation.open(directory)
  }
  return null
}

async function directories(data: string, id: string): Promise<string[]> {
  const parent = join(data, FEDERATIONS_NAME)
  try {
    const names = await readdir(parent)
    return names.filter((name) => name.startsWith(id)).map((name) => join(parent, name))
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw unwritable(parent, error)
  }
}
