/**
 * The note that a command of a site keeps beside its federation, so that a later run goes on without being told again:
 * where model and texts lie, how it is reached, what it measures; of a founder the terms, by which the same command is
 * known.
 */
import { z } from 'zod'
import type { KeptFederation } from '../../../peers/kept/federation.ts'
import { statOf } from '../../../src/files/linked-file.ts'
import type { NetworkOptions } from '../../options/network.ts'
import type { PlanOptions } from '../../options/plan.ts'
import type { ModelOptions, TextOptions, WindowOptions } from '../../options/site.ts'
import type { SiteEvaluationOptions } from '../../options/site-evaluation.ts'

/** The terms of a founder's command. */
export interface Terms extends WindowOptions {
  members: number
  plan: PlanOptions
  capacity: number | null
}

export interface SiteCommand extends ModelOptions, TextOptions, NetworkOptions {
  /** null: nothing is measured at the end. */
  evaluation: SiteEvaluationOptions | null
}

interface SiteNote extends SiteCommand {
  /** null: this site has joined. */
  terms: Terms | null
}

const evaluation = z.object({
  files: z.array(z.string()),
  tokens: z.number().optional(),
  window: z.number().optional(),
  alone: z.boolean(),
})
const noteSchema = z.object({
  model: z.string(),
  asked: z.string().optional(),
  embedded: z.boolean(),
  texts: z.array(z.string()),
  separator: z.string().optional(),
  listen: z.string().nullable(),
  announce: z.string().nullable(),
  proxy: z.string().nullable().default(null),
  evaluation: evaluation.nullable(),
  /** Terms are compared, and nothing else is done with them. */
  terms: z.custom<Terms | null>((value) => typeof value === 'object'),
})

export function siteNote(command: SiteCommand, terms: Terms | null): SiteNote {
  const { model, asked, offline, embedded, texts, separator, listen, announce, proxy, evaluation } = command
  const place = { model, asked, offline, embedded, texts, separator }
  return { ...place, listen, announce, proxy, evaluation, terms: terms && termsOf(terms) }
}

/** The note of a federation; null where there is none, or another program has written it. */
export function noteOf({ facts }: KeptFederation): SiteNote | null {
  const { data } = noteSchema.safeParse(facts.site)
  if (data === undefined) return null
  const { evaluation, separator } = data
  const measured = evaluation && { ...evaluation, tokens: evaluation.tokens, window: evaluation.window }
  return { ...data, asked: data.asked ?? data.model, offline: false, separator, evaluation: measured }
}

/** Whether a founder's command is the one that a federation was founded with: the terms, the model and the texts. */
export function isSameCommand(note: SiteNote, command: SiteCommand, terms: Terms): boolean {
  const told = ({ asked, texts, separator }: SiteCommand, what: Terms | null) =>
    JSON.stringify([asked, texts, separator ?? null, what])
  return told(note, note.terms) === told(command, termsOf(terms))
}

/**
 * A command that goes on, with the very directory that a model of a hub had when the federation began: another commit
 * may be the newest by now. If that directory is gone, the command is as it was given.
 */
export function asKept<Command extends SiteCommand>(command: Command, kept: KeptFederation): Command {
  const note = noteOf(kept)
  return note?.asked === command.asked && statOf(note.model) !== null ? { ...command, model: note.model } : command
}

/** As it comes back from JSON: without what is not set. */
function termsOf({ members, plan, windows, window, capacity }: Terms): Terms {
  return JSON.parse(JSON.stringify({ members, plan, windows, window, capacity }))
}
