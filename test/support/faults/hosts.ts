/** Network namespaces of this machine on one switch: hosts of one network, each with an address of its own. */
import { execFileSync } from 'node:child_process'
import type { TestContext } from 'node:test'

/** A network that the tests keep to themselves. */
const NETWORK = '10.213.78'

interface Host {
  address: string
  /** The beginning of a command line that runs there. */
  within: string[]
}

/** Why there are none here; false: there may be. */
export function needsHosts(): string | false {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root on Linux, for network namespaces'
  const trial = `coppice-${process.pid}-trial`
  try {
    ip('netns', 'add', trial)
    ip('netns', 'delete', trial)
    return false
  } catch {
    return 'needs ip, and leave to make network namespaces'
  }
}

/** Hosts that reach each other and nobody else. They are gone after the test. */
export function hosts(context: TestContext, count: number): Host[] {
  const space = (name: string) => {
    ip('netns', 'add', name)
    context.after(() => ip('netns', 'delete', name)) // and its links with it
    ip('-n', name, 'link', 'set', 'lo', 'up')
    return name
  }
  const middle = space(`coppice-${process.pid}-switch`)
  ip('-n', middle, 'link', 'add', 'switch', 'type', 'bridge')
  ip('-n', middle, 'link', 'set', 'switch', 'up')
  return Array.from({ length: count }, (_, i) => {
    const name = space(`coppice-${process.pid}-${i}`)
    const [port, address] = [`port-${i}`, `${NETWORK}.${i + 1}`]
    ip('-n', name, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', port, 'netns', middle)
    ip('-n', middle, 'link', 'set', port, 'master', 'switch', 'up')
    ip('-n', name, 'address', 'add', `${address}/24`, 'dev', 'eth0')
    ip('-n', name, 'link', 'set', 'eth0', 'up')
    return { address, within: ['ip', 'netns', 'exec', name] }
  })
}

function ip(...line: string[]): void {
  execFileSync('ip', line, { stdio: 'pipe' })
}

/** From now on a host reaches one other and nobody else, and nobody else reaches it. */
export function reachesOnly({ address, within: [, , , name] }: Host, other: Host): void {
  ip('-n', name, 'address', 'flush', 'dev', 'eth0')
  ip('-n', name, 'address', 'add', `${address}/32`, 'dev', 'eth0')
  ip('-n', name, 'route', 'add', `${other.address}/32`, 'dev', 'eth0')
}
