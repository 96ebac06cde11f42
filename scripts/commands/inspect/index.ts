/** `coppice inspect`: describes a model, a contribution or a certificate in words. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Start } from '../../command.ts'
import { withModel } from '../../hub/given.ts'
import { addJsonOption } from '../../options/output.ts'
import { addModelOption, modelOptions, type RawModel } from '../../options/site.ts'
import { notEmpty, refuseConflict, refuseMissing } from '../../options/values.ts'
import { addHelp } from '../../terminal/help.ts'

interface InspectOptions {
  kind: 'model' | 'contribution' | 'certificate'
  /** A model, or the absolute path of a file of another kind. */
  model: string
  offline: boolean
  /** Whether a model has a row for each layer. */
  layers: boolean
}

interface RawInspect extends RawModel {
  layers?: boolean
  contribution?: string
  certificate?: string
  json?: boolean
}

const HANDLERS = {
  model: async () => (await import('./model.ts')).inspectModel,
  contribution: async () => (await import('./contribution.ts')).inspectContribution,
  certificate: async () => (await import('./certificate.ts')).inspectCertificate,
}

export function defineInspect(program: Command, start: Start): void {
  const command = program
    .command('inspect')
    .summary('a model, a contribution or a certificate in words')
    .description('Describes a model, or a contribution or a certificate that a peer has kept.')
  addModelOption(command, 'a model: its hash, its size, its zeros')
    .option('--layers', 'with --model: a row for each layer, with its shape and its zeros')
    .option(
      '--contribution <file>',
      'a file of OUT/contributions: its author and its contents',
      notEmpty('--contribution', 'a file'),
    )
    .option(
      '--certificate <file>',
      'a file of OUT/certificates: the merged contributions, and the members that signed',
      notEmpty('--certificate', 'a file'),
    )
  addJsonOption(command)
  addHelp(
    command,
    ['coppice inspect --model models/embedded --layers', 'coppice inspect --certificate OUT/certificates/1.cbor'],
    ['input', 'network', 'output'],
  )
  command.action((raw: RawInspect) => {
    const { kind, layers, ...given } = inspectOptions(raw)
    return start(raw.json === true, async (run) => {
      const { model: path } = await withModel(given, run)
      return (await HANDLERS[kind]())(path, run, layers)
    })
  })
}

function inspectOptions(raw: RawInspect): InspectOptions {
  const kinds = ['model', 'contribution', 'certificate'] as const
  const [kind, ...others] = kinds.filter((name) => raw[name] !== undefined)
  const hint = 'Give one of --model, --contribution and --certificate.'
  if (kind === undefined) refuseMissing('--model, --contribution or --certificate', 'inspect', hint)
  if (others.length > 0) refuseConflict(`--${kind} and --${others[0]} exclude each other`, hint)
  const layers = raw.layers === true
  if (layers && kind !== 'model') refuseConflict(`--layers is of no use with --${kind}`, 'Leave it out.')
  if (kind === 'model') return { kind, ...modelOptions(raw), layers }
  if (raw.offline === true) refuseConflict(`--offline is of no use with --${kind}`, 'Leave it out.')
  return { kind, model: resolve(raw[kind] ?? ''), offline: false, layers }
}
