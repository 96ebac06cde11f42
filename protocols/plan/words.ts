/**
 * The plan in plain sentences: what will be done, and what will leave this site. A person reads this before anything
 * happens, so it promises nothing that the code does not keep and hides nothing that the code does.
 */
import { poolsMoments } from '../../src/form/merging.ts'
import {
  isStructuredMethod,
  type PayloadKind,
  type PrunerName,
  payloadOf,
  type SparseMethod,
  type SparsityTarget,
  type StructuredMethod,
} from '../../src/form/method.ts'
import { blocksPerRound } from '../../src/merge/sampling.ts'
import { trainsAdapters } from '../../src/merge/slots.ts'
import { id8 } from '../wire/encoding.ts'
import { harmLimitOf } from './harm-limit.ts'
import { leavesMasked, seenInWords, unopenedInWords, votesInWords } from './masked-words.ts'
import { PRUNER_NAMES, percentOfPpm, shareOfZeros } from './method-words.ts'
import { type BaseFacts, mixedInWords, sparserInWords, unprunedInWords } from './model-words.ts'
import { faultsOf, type Offer, quorumOf } from './offer.ts'
import { shown } from './site-name.ts'

export interface PlanInWords {
  /** The work that will be done, one sentence or two an entry. */
  what: string[]
  /** The data that will leave this site, one sentence or more an entry. */
  leaves: string[]
}

/**
 * @param capacity - share of the blocks that this site prunes in a round, in ppm; default: the offer's sample
 * @param base - facts about the base model, if it is at hand
 */
export function planInWords(offer: Offer, capacity: number = offer.sample, base?: BaseFacts): PlanInWords {
  const { method } = offer
  const own = isStructuredMethod(method)
    ? structuredWords(offer, method, capacity)
    : sparseWords(offer, method, capacity, base)
  return {
    what: [
      `${offer.members} sites prune ${shown(offer.model.name)} together: ${count(offer.model.parameters)} parameters, ` +
        `${offer.model.blocks} blocks, hash ${id8(offer.model.hash)}.`,
      ...own.what,
      ...seenInWords(offer),
      ...voting(offer),
    ],
    leaves: [...own.leaves, ...(offer.masked ? leavesMasked(offer) : ALWAYS)],
  }
}

function sparseWords(offer: Offer, { pruner, target }: SparseMethod, capacity: number, base?: BaseFacts): PlanInWords {
  if (offer.merge === 'pooled') return pooledWords(offer, { pruner, target }, capacity, base)
  const payload = payloadOf(pruner)
  return {
    what: [
      methodInWords(pruner, target),
      ...(base === undefined ? [] : [...unprunedInWords(base, 'pruned'), ...sparserInWords(base, target)]),
      ...(offer.masked ? [pruningOnce(offer)] : rounds(offer, capacity)),
      mergeRule(offer, payload),
      ...(offer.masked ? votesInWords(offer, pruner, capacity, base) : []),
    ],
    leaves: [
      ...(offer.masked ? masksInWords(payload) : payloadInWords(payload, pruner, false)),
      ...firstInputInWords(base),
    ],
  }
}

function pruningOnce({ model, windows, window }: Offer): string {
  return `This site prunes all ${model.blocks} blocks once, on ${windows} windows of ${window} tokens of its own text.`
}

/** Under masks votes are offered where else they follow from the statistics. */
function masksInWords(payload: PayloadKind): string[] {
  const values = payload === 'weights' ? ', and their values after they were adjusted to your text' : ''
  return [STATISTICS, `Which weights this site keeps${values}.`]
}

/** Words of a plan that pools what the texts show. */
function pooledWords(offer: Offer, { pruner, target }: SparseMethod, capacity: number, base?: BaseFacts): PlanInWords {
  const { masked, members, model, rounds: groups, sample, windows, window } = offer
  const moments = poolsMoments({ pruner }, { rule: offer.merge })
  const own = blocksPerRound(groups, capacity)
  const share = own === groups ? `all ${model.blocks} blocks` : `${own} of the ${groups} groups`
  const smallest = Math.floor((members * blocksPerRound(groups, sample)) / groups)
  return {
    what: [
      methodInWords(pruner, target),
      ...(base === undefined ? [] : [...unprunedInWords(base, 'pruned'), ...sparserInWords(base, target)]),
      `The ${model.blocks} blocks are pruned in ${counted(groups, 'group')}, one after the other. For ${share} this site ` +
        `measures what ${windows} windows of ${window} tokens of its own text show, each block once.`,
      addedUpInWords(moments, masked),
      ...unopenedInWords(offer, smallest),
    ],
    leaves: [
      ...(moments ? productsInWords(masked) : payloadInWords('statistics', pruner, masked)),
      ...firstInputInWords(base),
    ],
  }
}

function addedUpInWords(moments: boolean, masked: boolean): string {
  const added = 'These measurements are added up over all sites (rule pooled), and'
  const onePlace = 'as if all texts lay in one place'
  if (!moments) {
    return `${added} one mask follows from the sums, ${onePlace}${masked ? '.' : ': each group takes one round.'}`
  }
  const rounds = masked ? '' : 'each group takes two rounds, '
  return `${added} every site prunes each block by the sums, ${onePlace}: ${rounds}mean squares first and then products.`
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function methodInWords(pruner: PrunerName, target: SparsityTarget): string {
  return (
    `Method: ${PRUNER_NAMES[pruner]}. In every layer of the blocks ${shareOfZeros(target)} become zero; ` +
    'embeddings, output head and biases stay as they are.'
  )
}

function structuredWords(offer: Offer, { target }: StructuredMethod, capacity: number): PlanInWords {
  const { ppm, from, to } = target
  const isTrained = trainsAdapters(offer)
  return {
    what: [
      `Method: LLM-Pruner. ${percentOfPpm(ppm)} of the attention heads and channels of blocks ${from} to ${to - 1} are ` +
        'removed, and the model is smaller then.',
      `This site measures how much each of them matters to the loss on ${offer.windows} windows of ${offer.window} ` +
        'tokens of its own text, and offers that for all blocks.',
      addedUp(offer),
      ...(isTrained ? trainingInWords(offer, target.steps, capacity) : []),
    ],
    leaves: [
      'For every block: how much each attention head and channel matters to the loss on your calibration text, one ' +
        'number each.',
      ...(isTrained
        ? [
            `${offer.masked ? 'After that' : 'After the first round'} also low-rank adapters: the changes that training on ` +
              'your text made. These say more about the text than the importances do, and may hold pieces of it.',
          ]
        : []),
    ],
  }
}

function trainingInWords(offer: Offer, steps: number, capacity: number): string[] {
  const { masked, model, rounds, sample } = offer
  const isPart = (share: number) => blocksPerRound(model.blocks, share) < model.blocks
  const own = blocksPerRound(model.blocks, capacity)
  const share = masked || own === model.blocks ? 'all blocks' : `${own} of the ${model.blocks} blocks`
  const when = masked
    ? `After that, ${counted(rounds - 1, 'time')},`
    : `In each of the ${rounds - 1} rounds after the first`
  return [
    `${when} this site trains low-rank adapters for the remaining weights on that text, ${steps} steps at most, and ` +
      `offers them for ${share}; they become the average over the sites.`,
    ...(masked && (isPart(sample) || isPart(capacity))
      ? ['Every site offers all blocks, whatever --sample and --capacity say: the sums are over all of them.']
      : []),
  ]
}

function addedUp({ merge, members }: Offer): string {
  const faults = faultsOf(members)
  const counted =
    merge === 'l0'
      ? 'each site counts equally'
      : `of each the ${faults} lowest and the ${faults} highest are left out (rule trimmed)`
  return (
    `All measurements are added up alike at every site: ${counted}, and the heads and channels that matter least are ` +
    'removed.'
  )
}

function count(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(1)} billion`
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} million`
  return value.toLocaleString('en-US')
}

function rounds(offer: Offer, capacity: number): string[] {
  const blocks = blocksPerRound(offer.model.blocks, capacity)
  const all = blocks === offer.model.blocks
  const most =
    offer.rounds === 1 ? 'in one round' : `in ${offer.untilChange === null ? '' : 'at most '}${offer.rounds} rounds`
  const lines = [
    `This site prunes ${all ? `all ${blocks}` : `${blocks} of the ${offer.model.blocks}`} blocks a round on ` +
      `${offer.windows} windows of ${offer.window} tokens of its own text, ${most}.`,
  ]
  if (offer.untilChange !== null) {
    lines.push(`It stops early once a round changes less than ${percentOfPpm(offer.untilChange)} of the mask bits.`)
  }
  if (offer.rounds > 1 && blocksPerRound(offer.model.blocks, offer.sample) === offer.model.blocks) {
    lines.push('Where every site prunes every block in every round, a further round only waits for stragglers.')
  }
  return lines
}

function mergeRule({ merge, members }: Offer, payload: PayloadKind): string {
  if (merge === 'trimmed') return trimmedRule(faultsOf(members), payload)
  const values =
    payload === 'weights'
      ? 'a weight that is kept becomes the average over the sites that kept it'
      : 'a weight that is kept keeps its value in the base model'
  return `All results are merged alike at every site (rule l0): each site has one vote on each weight, and ${values}.`
}

function trimmedRule(faults: number, payload: PayloadKind): string {
  const values =
    payload === 'weights'
      ? 'each site has one vote on each weight; of the values of those who kept it'
      : 'one mask follows from the statistics of all sites; of each column'
  return (
    `All results are merged alike at every site (rule trimmed): ${values} the ${faults} lowest and the ${faults} ` +
    'highest are left out, and the rest is averaged.'
  )
}

function voting(offer: Offer): string[] {
  const { members } = offer
  const quorum = quorumOf(members)
  return [
    members < 4
      ? `A round ends when all ${members} sites have signed the same result: all must stay.`
      : `A round ends when ${quorum} of the ${members} sites have signed the same result.`,
    `This site votes against a result with which the perplexity on its own text is more than ${harmLimitOf(offer)} times that of its ` +
      'own contributions alone.',
  ]
}

/** The data in a contribution of this kind. It is sent to every member, and members may pass it on. */
function payloadInWords(payload: PayloadKind, pruner: PrunerName, masked: boolean): string[] {
  if (payload === 'statistics') {
    const seen = masked ? '' : ' From them and the base model everybody can work out which weights this site keeps.'
    const derived = pruner === 'wanda' ? seen : ' They only break ties: the masks follow from the base model.'
    return [`${STATISTICS} Nothing else about the text.${derived}`]
  }
  return [
    STATISTICS,
    'Which weights this site keeps, and their values after they were adjusted to your text. These say more about the ' +
      'text than the statistics do.',
  ]
}

const STATISTICS =
  'For every block that this site prunes, the mean square of each feature that enters its layers, over all of your ' +
  'calibration text (one number a column).'

function productsInWords(masked: boolean): string[] {
  const products =
    'Then for every block how each two of these features go together, as the mean of their product over your ' +
    'calibration text (one number a pair).'
  const more = ' These say much more about the text, such as which words are in it.'
  return [STATISTICS, `${products}${masked ? '' : more}`]
}

/** The first block's input is a fixed vector for each token, so over a text it shows how often each token occurs. */
const VOCABULARY =
  "Numbers about what enters the first block are those of the tokenizer's vocabulary and not of your text, where they " +
  'would show how often each token occurs.'

function firstInputInWords(base: BaseFacts | undefined): string[] {
  return [VOCABULARY, ...(base === undefined ? [] : mixedInWords(base))]
}

const ALWAYS = [
  'Your text, its tokens and its activations never leave. But whoever has these numbers may infer what kind of text ' +
    'yours is, such as its language or subject.',
  'All members see and keep them, with your peer id, your site name, your network address and when you are online.',
]
