/** A network namespace of this machine, whose only link carries little: as a host behind a slow line. */
import { execFileSync } from 'node:child_process'
import type { TestContext } from 'node:test'

/** The addresses of the two ends, of a network that the tests keep to themselves. */
const OUTSIDE = '10.213.77.1'
const INSIDE = '10.213.77.2'
/** The sizes of bucket and queue: little, so that the rate holds from the beginning and nothing is lost. */
const SHAPE = ['burst', '16kb', 'latency', '2s']

interface SlowHost {
  /** The beginning of a command line that runs there. */
  within: string[]
  /** The addresses of this machine as that host sees it, and the other way round. */
  outside: string
  inside: string
}

/** Why there is none here; false: there may be. */
export function needsNamespaces(): string | false {
  if (process.getuid?.() !== 0) return 'needs root, for a network namespace'
  try {
    execFileSync('ip', ['netns', 'list'], { stdio: 'ignore' })
    execFileSync('tc', ['qdisc', 'list'], { stdio: 'ignore' })
    return false
  } catch {
    return 'needs ip and tc'
  }
}

/** @param rate - of both directions, as tc takes it: 1mbit */
export function slowHost(context: TestContext, rate: string): SlowHost {
  const name = `coppice-${process.pid}`
  const [here, there] = [`cop-${process.pid}-a`, `cop-${process.pid}-b`]
  const run = (...command: string[]) => execFileSync(command[0], command.slice(1), { stdio: 'pipe' })
  run('ip', 'netns', 'add', name)
  context.after(() => run('ip', 'netns', 'delete', name)) // and the link with it
  run('ip', 'link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', name)
  run('ip', 'address', 'add', `${OUTSIDE}/30`, 'dev', here)
  run('ip', '-n', name, 'address', 'add', `${INSIDE}/30`, 'dev', there)
  run('ip', 'link', 'set', here, 'up')
  for (const device of ['lo', there]) run('ip', '-n', name, 'link', 'set', device, 'up')
  run('tc', 'qdisc', 'add', 'dev', here, 'root', 'tbf', 'rate', rate, ...SHAPE)
  run('tc', '-n', name, 'qdisc', 'add', 'dev', there, 'root', 'tbf', 'rate', rate, ...SHAPE)
  return { within: ['ip', 'netns', 'exec', name], outside: OUTSIDE, inside: INSIDE }
}
