/**
 * The requests of the library: the options of the commands, by their names in camelCase. `coppice COMMAND --help` says
 * more on each. Paths are relative to the current directory. A share is a number such as 0.5, or its decimal digits as
 * a string; more than 6 places are refused, so give a computed share as a string.
 */
import type { MergeRule } from '../../src/form/merging.ts'
import type { Method, PrunerName } from '../../src/form/method.ts'

type Share = number | string

interface Texts {
  /** Files in UTF-8: plain, or JSON lines with the key "text". All of them are one text. */
  text?: readonly string[]
  /** The text between two documents; by default each file is one document. */
  separator?: string
}

interface HubModel {
  /** Take a model `hf:OWNER/NAME` from the cache alone. */
  offline?: boolean
}

interface Base extends Texts, HubModel {
  /** Directory of the model, or `hf:OWNER/NAME[@REVISION]` of the hub; default: the embedded one. */
  model?: string
}

interface CalibrationWindows {
  /** Windows of text to calibrate on; default: 32. */
  windows?: number
  /** Tokens a window; default: 512, or the longest window of the model if that is less. */
  window?: number
}

interface Watched {
  /** ADDRESS:PORT, such as `127.0.0.1:0`: serves a page of pictures while it runs. An event `message` has its URL. */
  page?: string
}

interface Evaluation {
  /** Texts to measure perplexity on. */
  eval?: readonly string[]
  /** The most tokens of each of these texts; default: 20,480. */
  evalTokens?: number
  /** Tokens a window of these texts; default: as `window`. */
  evalWindow?: number
}

interface Sparsity {
  /** Share of each layer's weights that become zero. */
  sparsity?: Share
  /** Instead of `sparsity`: `n:m`, n zeros among every m weights of a row. */
  pattern?: string
}

/** One of `sparsity` and `pattern` is needed. */
export interface PruneRequest extends Base, CalibrationWindows, Evaluation, Sparsity, Watched {
  pruner: PrunerName
  /** Directory for the pruned model: empty, absent, or as the same request has left it. */
  out: string
}

export interface EvaluateRequest
  extends Texts,
    HubModel,
    Pick<CalibrationWindows, 'window'>,
    Pick<Evaluation, 'evalTokens'> {
  /** Directory of the model, or `hf:OWNER/NAME[@REVISION]`. */
  model: string
  text: readonly string[]
}

/** The terms on which a federation agrees. */
interface Terms extends CalibrationWindows, Sparsity {
  /** Default: sparsegpt. */
  pruner?: Method['pruner']
  /** With llm-pruner: share of the heads and channels of each block that is removed. */
  ratio?: Share
  /** With llm-pruner: `a:b`, blocks a to b-1; default: all. */
  blocks?: string
  /** With llm-pruner: training steps of a site in each round but the first; default: 20. */
  recover?: number
  /** Default: l0. */
  merge?: MergeRule
  /** No site sees what a single one offers, only sums of several. */
  masked?: boolean
  /** Every site sees what each one offers. */
  open?: boolean
  /** Rounds at most; with `merge: 'pooled'` the number of groups of blocks. */
  rounds?: number
  /** Share of the blocks that a site prunes a round; default: 1. */
  sample?: Share
  /** Stop once a round changes less than this share of the mask bits. */
  untilChange?: Share
  /** Seconds to wait for late sites after a quorum has committed. */
  roundTimeout?: number
  /** Times the perplexity of its own blocks, above which a site votes against a merge. */
  harmLimit?: number
}

/** Texts and settings of one site, and the places of its files. */
interface Site extends Base, Omit<Evaluation, 'eval'>, Watched {
  /** Texts to measure on at the end; default: the end of `text`, which is kept out. false: nothing is measured. */
  eval?: readonly string[] | false
  /** At the end, also prune the whole model on this site alone, for comparison. */
  alone?: boolean
  /** Share of the blocks that this site prunes a round; default: as the plan says. */
  capacity?: Share
  /** Multiaddr to listen on; default: port 4001 of every interface. Each peer of one machine needs a port. */
  listen?: string
  /** The multiaddr to tell the others, if it differs. */
  announce?: string
  /** HTTP proxy through which WebSockets are dialled: `http://HOST:PORT`. */
  proxy?: string
  /** Where this site keeps its key and store; default: as of the command. Two sites need two. */
  data?: string
  /** The name of this site that the others see. */
  name?: string
  /** Directory for the results: empty or absent; default: coppice-out/ID. */
  out?: string
}

export interface FoundRequest extends Site, Terms {
  /** Number of sites, this one included. */
  members: number
  /** Found another federation, where this request would go on with an unfinished one. */
  new?: boolean
}

export interface JoinRequest extends Omit<Site, 'listen'> {
  /** The line that the founder has passed on: ADDRESS#OFFER.SECRET. */
  invitation: string
  /** As of a founder; false: only dial out. */
  listen?: string | false
}

export interface ResumeRequest extends Pick<Site, 'data' | 'page'> {
  /** The first digits of its id, 8 at least; default: the only unfinished one. */
  federation?: string
}

export interface VerifyRequest extends HubModel {
  /** The output directory of a peer. */
  directory: string
  /** Directory of the base model, or `hf:OWNER/NAME[@REVISION]`; default: the embedded one. */
  model?: string
}

export interface SimulateRequest extends Base, Evaluation, Terms, Watched {
  /** Number of sites; default: 4. */
  peers?: number
  /** Keys and secret follow from it: the same request gives the same root. */
  seed?: number
  /** One share a peer. */
  capacity?: readonly Share[]
  /** Who can reach whom; default: mesh. */
  topology?: 'mesh' | 'star' | 'line'
  /** Models to compare with: isolated, l0, fedavg, pooled-text. An empty list: none. */
  baselines?: readonly string[]
  /** One process a peer, instead of all in one. */
  processes?: boolean
  /** Directory for the results: empty or absent; default: coppice-out/ID. */
  out?: string
}
