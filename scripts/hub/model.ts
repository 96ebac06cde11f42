/** A model of a hub becomes a directory of this machine: the snapshot of a commit in the shared cache. */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { InputError, NetworkError } from '../../src/base/errors.ts'
import { statOf } from '../../src/files/linked-file.ts'
import { GRAPH_PLACES, graphIn, holdsGraph } from '../../src/model/graph/directory.ts'
import { externalPath } from '../../src/onnx/external-data.ts'
import { namedWeightFiles } from '../../src/onnx/read.ts'
import type { Run } from '../command.ts'
import { cacheRoot, HubCache } from './cache.ts'
import { chooseFiles, chooseWeights, NEEDED_FILES } from './choose.ts'
import { endpointOf, isOn, tokenOf } from './environment.ts'
import { Fetching } from './fetching.ts'
import { type HubName, parseHubName, pinnedName } from './name.ts'
import { type HubFile, HubServer, type HubServerInit } from './server.ts'

type Talk = Pick<Run, 'terminal' | 'signal'>

interface HubOptions {
  /** Whether the hub may not be asked. */
  offline: boolean
  environment: NodeJS.ProcessEnv
  /** Default: cacheRoot. */
  cache?: string
  wait?: HubServerInit['wait']
  silenceMs?: number
}

/**
 * The directory of a model `hf:OWNER/NAME[@REVISION]`, after what is missing of it was fetched. Where the hub does not
 * answer, what it answered last counts.
 * @throws {UsageError} USAGE_VALUE, HUB_ENDPOINT, HUB_TOKEN
 * @throws {InputError} HUB_NOT_FOUND, HUB_DENIED, HUB_NO_ONNX, HUB_FILE_MISSING, HUB_NOT_CACHED, and as readOnnx
 * @throws {NetworkError} HUB_UNREACHABLE, HUB_BUSY, HUB_FAILED, HUB_ANSWER, HUB_BROKEN_OFF, HUB_FILE_WRONG
 * @throws {OutputError} HUB_CACHE_FULL, OUTPUT_UNWRITABLE
 */
export async function hubModel(model: string, options: HubOptions, talk: Talk): Promise<string> {
  const name = parseHubName(model)
  const { offline, environment, wait = waited, silenceMs } = options
  const cache = new HubCache(options.cache ?? cacheRoot(), name.repository)
  if (offline || isOn(environment.HF_HUB_OFFLINE)) return said(talk, name, cache, await cachedCommit(cache, name))
  const { signal, terminal } = talk
  const init = {
    ...{ signal, wait, silenceMs },
    endpoint: endpointOf(environment),
    token: tokenOf(environment),
  }
  const server = new HubServer(init)
  terminal.progress(`Asking ${server.host} for ${name.repository}`)
  let commit: string
  let files: HubFile[]
  try {
    commit = await server.commit(name)
    files = await server.files(name, commit)
  } catch (error) {
    if (!(error instanceof NetworkError) || error.code !== 'HUB_UNREACHABLE') throw error
    const known = await cachedCommit(cache, name).catch(() => null)
    if (known === null) throw error
    terminal.note(`${error.message}: the cache has what it answered last.`)
    return said(talk, name, cache, known)
  }
  await using fetching = new Fetching({ server, cache, name, commit, init, talk })
  const { graph, companions, likelyWeights } = chooseFiles(name.repository, files)
  await fetching.take([...companions, graph], likelyWeights)
  const names = namedWeightFiles(join(cache.snapshot(commit), graph.path))
  await fetching.take(chooseWeights(name.repository, graph, names, files))
  return said(talk, name, cache, commit)
}

function said({ terminal }: Talk, { repository }: HubName, cache: HubCache, commit: string): string {
  const dir = cache.snapshot(commit)
  terminal.note(`Model ${pinnedName(repository, commit)}, in ${dir}`)
  return dir
}

/** The commit of which the cache has all that a command needs. @throws {InputError} HUB_NOT_CACHED, and as readOnnx */
async function cachedCommit(cache: HubCache, name: HubName): Promise<string> {
  const commit = await cache.known(name.revision)
  if (commit === null) throw notCached(cache, name, `the file refs/${name.revision}`)
  const dir = cache.snapshot(commit)
  for (const needed of NEEDED_FILES) if (statOf(join(dir, needed)) === null) throw notCached(cache, name, needed)
  if (!holdsGraph(dir)) throw notCached(cache, name, GRAPH_PLACES.slice(0, 2).join(' or '))
  const graph = graphIn(dir)
  for (const weights of namedWeightFiles(graph).keys()) {
    if (statOf(externalPath(graph, weights)) === null) throw notCached(cache, name, weights)
  }
  return commit
}

function notCached({ folder }: HubCache, { repository, revision }: HubName, path: string): InputError {
  return new InputError({
    code: 'HUB_NOT_CACHED',
    what: `the cache ${folder} lacks ${path} of ${repository}, revision ${revision}`,
    hint: 'Leave out --offline (and HF_HUB_OFFLINE), so that it is fetched.',
  })
}

async function waited(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal })
}
