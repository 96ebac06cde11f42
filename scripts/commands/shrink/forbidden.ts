/** Options of `coppice shrink` that exclude each other: a table of pairs. */
import type { Granularity } from '../../../src/jobs/structure/shrink-args.ts'
import type { Fluctuation } from '../../../src/structure/choose/fluctuation.ts'
import type { Criterion, Reduction } from '../../../src/structure/choose/importance.ts'
import type { GroupQueries } from '../../../src/structure/find/walk.ts'
import { refuseConflict } from '../../options/values.ts'

/** The options that can exclude each other, with their defaults. */
interface Asked {
  granularity: Granularity
  /** The word as it was given. */
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

/** The requests that options can make. */
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

/** A request, and those that it excludes. The first pair that is found is refused. */
const FORBIDDEN: readonly (readonly [Ask, others: readonly Ask[], what: (asked: Asked) => string, hint: string])[] = [
  [
    ...(['reduction', ['whole blocks', 'fluctuation']] as const),
    () => '--reduce says how scores of coupled places are combined; whole blocks and FLAP combine none',
    'Leave out --reduce.',
  ],
  [
    ...(['whole blocks', ['fluctuation']] as const),
    ({ importance }) => `--importance ${importance} scores heads and channels, not whole blocks`,
    'Take another --importance.',
  ],
  [
    ...(['steps', ['whole blocks', 'no gradients']] as const),
    () => '--steps computes gradients again after each step; whole blocks, FLAP, l2 and random make no use of that',
    'Leave out --steps, or take --importance taylor1.',
  ],
  [
    ...(['parameters', ['fluctuation', 'steps']] as const),
    () => '--parameters searches by importances of single weights, in one step',
    'Leave out --steps, and take --importance taylor1.',
  ],
  [
    ...(['refit', ['fluctuation', 'whole blocks', 'hidden channels']] as const),
    () =>
      '--refit fits the layers that read removed heads and channels; FLAP adds biases instead, and whole blocks and hidden channels have no such layers',
    'Leave out --refit.',
  ],
  [
    ...(['recovery text', ['no recovery']] as const),
    () => '--recover-text is given without --recover',
    'Give --recover the number of steps as well.',
  ],
  [
    ...(['seed', ['nothing random']] as const),
    () => '--seed is only for --importance random',
    'Leave out --seed: nothing else is drawn by chance.',
  ],
  [
    ...(['whole blocks', ['uniform', 'groups of queries']] as const),
    ({ word }) => `--granularity ${word} changes nothing inside the blocks that stay`,
    'Leave out --uniform and --group-queries.',
  ],
  [
    ...(['fluctuation', ['uniform']] as const),
    ({ importance }) => `--importance ${importance} adds biases that Hugging Face tools do not read`,
    'Leave out --uniform.',
  ],
  [
    ...(['adaptive fluctuation', ['single queries']] as const),
    () => '--importance flap-adaptive compares all heads with each other, and --group-queries query keeps them apart',
    'Take --importance flap.',
  ],
  [
    ...(['hidden channels', ['fluctuation']] as const),
    ({ importance }) =>
      `--importance ${importance} is computed for the layers of blocks only, and hidden channels go through embedding and head too`,
    'Take --importance taylor1.',
  ],
  [
    ...(['hidden channels', ['uniform', 'groups of queries']] as const),
    ({ word }) => `--granularity ${word} leaves heads as they are`,
    'Leave out --uniform and --group-queries.',
  ],
  [
    ...(['hidden channels', ['steps']] as const),
    () => '--steps sets removed places to zero, but a hidden channel of zeros still counts in the norms',
    'Leave out --steps.',
  ],
]

/** @throws {UsageError} USAGE_CONFLICT */
export function refuseForbidden(asked: Asked): void {
  for (const [one, others, what, hint] of FORBIDDEN)
    if (ASKED[one](asked) && others.some((other) => ASKED[other](asked))) refuseConflict(what(asked), hint)
}
