/** The refusals that end a federation without a model. */
import type { BindingBody } from '../../protocols/round/messages/messages.ts'
import type { ExitReason } from '../../protocols/round/types.ts'
import { type CoppiceError, DivergedError, NoAgreementError, OutputError } from '../../src/base/errors.ts'

/** @param data - the directory of the files that reproduce the difference */
export function outcomeError(reason: Exclude<ExitReason, 'done'>, detail: string, data: string): CoppiceError {
  if (reason === 'noAgreement') {
    return new NoAgreementError({
      code: 'NO_AGREEMENT',
      what: `the members did not agree in time: ${detail}`,
      hint: 'Check that the other members are running and connected. The same command goes on with this federation.',
    })
  }
  if (reason === 'harmed') {
    return new NoAgreementError({
      code: 'NO_AGREEMENT_HARM',
      what: `every result that was proposed would harm this site's own text: ${detail}`,
      hint: "Its text may be of another kind than the others': found again with a larger --harm-limit, or fewer zeros.",
    })
  }
  if (reason === 'cheated') {
    return new NoAgreementError({
      code: 'NO_AGREEMENT_MASKED',
      what: `this masked federation cannot go on, since somebody has shown what honest members would not: ${detail}`,
      hint: `All that they have shown is kept in ${data}. Found anew with --open to see who it was, or without the wrong one: that shows its part only to those who know the parts of all others.`,
    })
  }
  return new DivergedError({
    code: 'DIVERGED',
    what: `this peer's result is not the others': ${detail}`,
    hint: `Its contributions, merges and certificates are kept in ${data}: keep them and report what has happened.`,
  })
}

/** Another process signs with the key of this peer, which must not go on: two different votes would convict both. */
export function twinError({ round, type }: BindingBody, data: string): OutputError {
  return new OutputError({
    code: 'OUTPUT_KEY_ELSEWHERE',
    what: `this peer's key has signed a ${type} of round ${round} that is not in the journal of ${data}`,
    hint: 'Another process has a copy of that directory: stop one of the two. If there is none, it is an older copy of the only one: the same command goes on after that round.',
  })
}
