/** Options of `coppice shrink` that do not go together: a table of pairs. */
import type { Granularity } from '../../../src/jobs/structure/shrink-args.ts'
import type { Fluctuation } from '../../../src/structure/choose/fluctuation.ts'
import type { Criterion, Reduction } from '../../../src/structure/choose/importance.ts'
import type { GroupQueries } from '../../../src/structure/find/walk.ts'
import { refuseConflict } from '../../options/values.ts'

/** Options with the defaults that decide what goes with them. */
interface Asked {
  granularity: Granularity
  /** As it was given. */
  word: string
  importance: Criterion | Fluctuation
  parameters?: number
  refit?: boolean
  steps?: number
  groupQueries?: GroupQueries
  uniform?: boolean
  seed?: number
  reduce?: Reduction
  recover?: number
  recoverText?: string[]
}

const isFluctuation = ({ importance }: Asked) => importance === 'flap' || importance === 'flap-adaptive'

/** What options can ask for. */
const ASKED = {
  'whole blocks': ({ granularity }) => granularity === 'blocks',
  'hidden channels': ({ granularity }) => granularity === 'hidden-channels',
  'heads and channels': ({ granularity }) => granularity === 'heads-and-channels',
  fluctuation: isFluctuation,
  'adaptive fluctuation': ({ importance }) => importance === 'flap-adaptive',
  'no gradients': (asked) => isFluctuation(asked) || asked.importance === 'l2' || asked.importance === 'random',
  'nothing random': ({ importance }) => importance !== 'random',
  reduction: ({ reduce }) => reduce !== undefined,
  steps: ({ steps = 1 }) => steps > 1,
  parameters: ({ parameters }) => parameters !== undefined,
  refit: ({ refit = false }) => refit,
  'recovery text': ({ recoverText }) => recoverText !== undefined,
  'no recovery': ({ recover }) => recover === undefined,
  seed: ({ seed }) => seed !== undefined,
  uniform: ({ uniform = false }) => uniform,
  'groups of queries': ({ groupQueries }) => groupQueries !== undefined,
  'single queries': ({ groupQueries }) => groupQueries === 'query',
} as const satisfies Record<string, (asked: Asked) => boolean>
type Ask = keyof typeof ASKED

/** One ask, and those that do not go with it; the first pair that is met is refused. */
const FORBIDDEN: readonly (readonly [Ask, others: readonly Ask[], what: (asked: Asked) => string, hint: string])[] = [
  [
    ...(['reduction', ['whole blocks', 'fluctuation']] as const),
    () => '--reduce says how what is coupled counts together, which neither whole blocks nor FLAP ask',
    'Leave out --reduce.',
  ],
  [
    ...(['whole blocks', ['fluctuation']] as const),
    ({ importance }) => `--importance ${importance} scores heads and channels, not whole blocks`,
    'Take another --importance.',
  ],
  [
    ...(['steps', ['whole blocks', 'no gradients']] as const),
    () => '--steps asks for gradients anew, of which whole blocks, FLAP, l2 and random make no use',
    'Leave --steps away, or take --importance taylor1.',
  ],
  [
    ...(['parameters', ['fluctuation', 'steps']] as const),
    () => '--parameters seeks by importances of single weights, in one step',
    'Leave --steps away, and take --importance taylor1.',
  ],
  [
    ...(['refit', ['fluctuation', 'whole blocks', 'hidden channels']] as const),
    () =>
      '--refit fits what reads removed heads and channels, for which FLAP has its own way; whole blocks and hidden channels have none',
    'Leave --refit away.',
  ],
  [
    ...(['recovery text', ['no recovery']] as const),
    () => '--recover-text is given without --recover',
    'Give --recover the number of steps as well.',
  ],
  [
    ...(['seed', ['nothing random']] as const),
    () => '--seed goes with --importance random alone',
    'Leave --seed away: nothing else is drawn.',
  ],
  [
    ...(['whole blocks', ['uniform', 'groups of queries']] as const),
    ({ word }) => `--granularity ${word} leaves the blocks that stay as they are`,
    'Leave --uniform and --group-queries away.',
  ],
  [
    ...(['fluctuation', ['uniform']] as const),
    ({ importance }) => `--importance ${importance} leaves biases that Hugging Face tools do not look for`,
    'Leave --uniform away.',
  ],
  [
    ...(['adaptive fluctuation', ['single queries']] as const),
    () => '--importance flap-adaptive compares heads with each other that --group-queries query keeps apart',
    'Take --importance flap.',
  ],
  [
    ...(['hidden channels', ['fluctuation']] as const),
    ({ importance }) =>
      `--importance ${importance} is computed of the layers of blocks alone, and hidden channels go through embedding and head too`,
    'Take --importance taylor1.',
  ],
  [
    ...(['hidden channels', ['uniform', 'groups of queries']] as const),
    ({ word }) => `--granularity ${word} leaves heads as they are`,
    'Leave --uniform and --group-queries away.',
  ],
  [
    ...(['hidden channels', ['steps']] as const),
    () => '--steps sets what is gone to zero, which hidden channels in norms are not',
    'Leave --steps away.',
  ],
]

/** @throws {UsageError} USAGE_CONFLICT */
export function refuseForbidden(asked: Asked): void {
  for (const [one, others, what, hint] of FORBIDDEN)
    if (ASKED[one](asked) && others.some((other) => ASKED[other](asked))) refuseConflict(what(asked), hint)
}
