/** The work of `coppice verify`: finds the base model that the plan names, then calls peers/verify/directory.ts. */
import { join } from 'node:path'
import { CERTIFICATES_NAME } from '../../../peers/round/output.ts'
import { readSignedPlan, type Verified, verifyDirectory } from '../../../peers/verify/directory.ts'
import { shown } from '../../../protocols/plan/site-name.ts'
import { toHex } from '../../../protocols/wire/encoding.ts'
import { InputError, UsageError } from '../../../src/base/errors.ts'
import { openEngine } from '../../../src/jobs/open-engine.ts'
import type { Run } from '../../command.ts'
import { labelled } from '../../common/engine.ts'
import { countedText } from '../../progress/counted.ts'
import { certifiedInWords } from '../../report/certified-share.ts'
import { sumsInWords } from '../../report/masked-sums.ts'
import { counted } from '../../terminal/numbers.ts'
import { notesBeside } from './beside.ts'
import type { VerifyOptions } from './options.ts'

export async function verify({ directory, model, embedded }: VerifyOptions, run: Run): Promise<Verified> {
  const { plan } = readSignedPlan(directory)
  const { name, hash } = plan.offer.model
  await using engine = openEngine()
  const found = toHex(await labelled({ ...run, engine }, 'Hashing the base model', 'hash', { dir: model }))
  const wanted = toHex(hash)
  if (found !== wanted) {
    throw new UsageError({
      code: 'VERIFY_BASE',
      what: `${embedded ? 'the embedded model' : model} is not the base model: hash ${found}, the plan names ${wanted}`,
      hint: `Give --model the directory of ${shown(name)} with the hash ${wanted}.`,
    })
  }
  const { verified, gone } = await verifyDirectory({
    engine,
    dir: directory,
    base: model,
    signal: run.signal,
    onProgress: (done, total) =>
      run.terminal.progress(countedText('Checking contributions and merging them again', 'part', done, total)),
  })
  verified.notes.push(...notesBeside(directory, verified))
  for (const note of verified.notes) run.terminal.note(`note: ${note}`)
  if (gone.length > 0) throw gap(directory, gone, verified)
  run.terminal.say(
    [
      `Verified: ${signaturesInWords(verified, plan.members.length)}, all ${contributionsOf(verified)}, the merge and the model: all good.`,
      ...sumsInWords(verified.sums ?? []),
      ...certifiedInWords(verified.certified),
      `The model that they agreed on: ${verified.root}`,
    ].join('\n'),
  )
  return verified
}

/** Each member has signed its acceptance and the plan once, and may have voted in each round. */
function signaturesInWords({ rounds, signatures }: Verified, members: number): string {
  const votes = `${signatures - 2 * members} of ${rounds * members} votes`
  const when = rounds === 1 ? '' : ` in ${rounds} rounds`
  return `${counted(members, 'acceptance')}, ${counted(members, 'signature')} of the plan, ${votes}${when}`
}

function contributionsOf({ sums }: Verified): string {
  return sums === null ? 'contributions' : 'keys, key sheets, reveals and masked vectors'
}

/** The chain is not whole, although its end and all that follows from it verifies. */
function gap(directory: string, gone: readonly number[], verified: Verified): InputError {
  const files =
    gone.length === 1 ? `the certificate of round ${gone[0]}` : `the certificates of rounds ${gone.join(', ')}`
  const rest = `${counted(verified.rounds, 'other certificate')}, all ${contributionsOf(verified)}, the merge and the model verify`
  return new InputError({
    code: 'VERIFY_MISSING',
    what: `${join(directory, CERTIFICATES_NAME)} lacks ${files}; ${rest}`,
    hint: 'Fetch it from another member: each of them holds all certificates.',
  })
}
