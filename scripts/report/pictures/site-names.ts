/** Names of sites for charts and tables. */
import { shown } from '../../../protocols/plan/site-name.ts'

/** The digits of a peer id that tell sites of one name apart. */
const TAIL = 6

/** One name a site; those of one name get the end of their peer id behind it. */
export function siteLabels(sites: readonly { name: string; peer: string }[]): string[] {
  const names = sites.map(({ name }) => shown(name))
  return names.map((name, i) => {
    const isAlone = names.indexOf(name) === names.lastIndexOf(name)
    return isAlone ? name : `${name} …${sites[i].peer.slice(-TAIL)}`
  })
}
