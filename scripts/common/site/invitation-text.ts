/** The invitation as a person sees it: a line to paste, that nothing keeps. */

/** Whoever reads it can join, so it goes where a person looks, and into no file. */
export function framedInvitation(line: string, others: number): string {
  const sites = others === 1 ? 'the other site' : `the other ${others} sites`
  const words = `Send this line to ${sites} like a password, since whoever has it can join:`
  const again = 'To see it again while this peer waits: npx --no-install coppice invitation'
  const rule = '─'.repeat(words.length)
  return [rule, words, '', joinLine(line), '', again, rule].join('\n')
}

/** Stands in a log for the line. @param data - the data directory */
export function whereInvitationIs(data: string): string {
  return `The invitation is written into no log. To see it: npx --no-install coppice invitation --data ${data}`
}

export function joinLine(line: string): string {
  return `npx --no-install coppice join ${line}`
}
