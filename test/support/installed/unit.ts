/** The unit for systemd, as its lines say. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE_ROOT } from '../../../scripts/paths.ts'

export const UNIT = join(PACKAGE_ROOT, 'deploy', 'coppice@.service')
/** Where the unit expects the command. */
export const COMMAND = '/usr/local/bin/coppice'
/** Where it keeps the sites. */
const STATE = '/var/lib/coppice'

/** The value of a setting that the unit has once. */
export function setting(name: string): string {
  const values = [...readFileSync(UNIT, 'utf8').matchAll(new RegExp(`^${name}=(.*)$`, 'gm'))].map(([, value]) => value)
  if (values.length !== 1) throw new Error(`the unit has ${values.length} lines ${name}=`)
  return values[0]
}

/** The line that the unit starts for a site, without the command's own path, where sites lie in another place. */
export function startLine(site: string, state = STATE): string[] {
  const [command, ...argv] = setting('ExecStart').replaceAll('%i', site).replaceAll(STATE, state).split(' ')
  if (command !== COMMAND) throw new Error(`the unit starts ${command}`)
  return argv
}
