import type { KeptFederation } from '../../../peers/kept/federation.ts'
import { keptFederations } from '../../../peers/kept/find.ts'
import { id8 } from '../../../protocols/wire/encoding.ts'
import { UsageError } from '../../../src/base/errors.ts'
import type { Run } from '../../command.ts'
import { goOn } from '../../common/site/going-on.ts'
import { openSite } from '../../common/site/site.ts'
import { noteOf } from '../../common/site/site-note.ts'
import { LivePage } from '../../live/live-page.ts'
import { type Watch, watched } from '../../operate/watched.ts'
import type { MemberReport } from '../../report/federation.ts'
import type { ResumeOptions } from './options.ts'

export function resume(options: ResumeOptions, run: Run): Promise<MemberReport> {
  return watched('resume', options.watch, run, (watch) => goOnWith(options, run, watch))
}

async function goOnWith(options: ResumeOptions, run: Run, watch: Watch): Promise<MemberReport> {
  const kept = await chosen(options)
  const command = noteOf(kept)
  if (command === null) throw unknownCommand(kept)
  await using site = await openSite({ ...options, out: null }, run, async () => kept)
  await using live = await LivePage.open(options.page, run.terminal)
  return await goOn({ ...command, data: options.data }, site, kept, { run, watch, live })
}

/** @throws {UsageError} RESUME_NOTHING, RESUME_SEVERAL */
async function chosen({ data, id }: ResumeOptions): Promise<KeptFederation> {
  const all = await keptFederations(data, id)
  const open = all.filter(({ facts }) => !facts.finished)
  // A federation that is named is said to be finished.
  const candidates = open.length === 0 && id !== '' ? all : open
  if (candidates.length === 1) return candidates[0]
  const names = candidates.map(({ signed }) => id8(signed.plan.id)).join(', ')
  if (candidates.length > 1) {
    throw new UsageError({
      code: 'RESUME_SEVERAL',
      what: `${candidates.length} federations in ${data} are unfinished: ${names}`,
      hint: 'Give the digits of one of them.',
    })
  }
  throw new UsageError({
    code: 'RESUME_NOTHING',
    what: `${data} holds no unfinished federation${id === '' ? '' : ` whose id begins with ${id}`}`,
    hint: 'Give --data the directory that the site had when it took part, or found or join a federation.',
  })
}

function unknownCommand({ directory, signed }: KeptFederation): UsageError {
  return new UsageError({
    code: 'RESUME_UNKNOWN',
    what: `${directory} does not say with what model and text federation ${id8(signed.plan.id)} was begun`,
    hint: 'Give the line of its invitation to coppice join, with the same options as before.',
  })
}
