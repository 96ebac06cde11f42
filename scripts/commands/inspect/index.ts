/** `coppice inspect`: describes a model, a contribution or a certificate in words. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Start } from '../../command.ts'
import { addJsonOption } from '../../options/output.ts'
import { notEmpty, refuseConflict, refuseMissing } from '../../options/values.ts'
import { addHelp } from '../../terminal/help.ts'

/** The file or directory to inspect; absolute path. */
interface InspectOptions {
  kind: 'model' | 'contribution' | 'certificate'
  path: string
}

interface RawInspect {
  model?: string
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
    .description('Says what is in a model, or in a contribution or certificate that a peer has kept.')
    .option('--model <dir>', 'blocks, layers, shapes and zeros of a model', notEmpty('--model', 'a directory'))
    .option(
      '--contribution <file>',
      'a file of OUT/contributions: whose it is and what it carries',
      notEmpty('--contribution', 'a file'),
    )
    .option(
      '--certificate <file>',
      'a file of OUT/certificates: what was merged, and who signed it',
      notEmpty('--certificate', 'a file'),
    )
  addJsonOption(command)
  addHelp(
    command,
    ['coppice inspect --model models/embedded', 'coppice inspect --certificate OUT/certificates/1.cbor'],
    ['input'],
  )
  command.action((raw: RawInspect) => {
    const { kind, path } = inspectOptions(raw)
    return start(raw.json === true, async (run) => (await HANDLERS[kind]())(path, run))
  })
}

function inspectOptions(raw: RawInspect): InspectOptions {
  const kinds = ['model', 'contribution', 'certificate'] as const
  const [kind, ...others] = kinds.filter((name) => raw[name] !== undefined)
  const hint = 'Give one of --model, --contribution and --certificate.'
  if (kind === undefined) refuseMissing('--model, --contribution or --certificate', 'inspect', hint)
  if (others.length > 0) refuseConflict(`--${kind} and --${others[0]} exclude each other`, hint)
  return { kind, path: resolve(raw[kind] ?? '') }
}
