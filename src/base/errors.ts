/**
 * The base classes of every refusal that a user can meet. A refusal says what is wrong, where, and what to do; it has
 * the exit code of the command. Anything else that is thrown is a bug (exit 1), and only a bug is printed with a stack
 * trace.
 */

/** Exit codes of the command line, by meaning. */
export const EXIT = {
  done: 0,
  bug: 1,
  usage: 2,
  input: 3,
  refused: 4,
  network: 5,
  noAgreement: 6,
  diverged: 7,
  output: 8,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

export interface Refusal {
  /** Stable name in capitals, which programs compare. docs/reference/errors.md lists all of them. */
  code: string
  /** The fault and its place, in one line, without the program's name. */
  what: string
  /** The remedy for the user, in one line. */
  hint: string
  cause?: unknown
}

/**
 * The longest line of a refusal. A line holds names out of files, which may be of any length; this is more than a path,
 * a name and a sentence take.
 */
const MAX_LINE_CHARS = 2000

/**
 * Control characters of C0 and C1, which would break the line or speak to the terminal, and the line ends of Unicode.
 */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g

/**
 * A text as one line that a terminal shows as it is. Control characters become spaces; a line that is too long is cut
 * off.
 */
export function oneLine(text: string): string {
  const line = text
    .replace(/\s*[\n\r]\s*/g, ' ')
    .replace(CONTROL, ' ')
    .trim()
  return line.length > MAX_LINE_CHARS ? `${line.slice(0, MAX_LINE_CHARS)} ...` : line
}

/** The base of all refusals. Throw a subclass: it says whose fault the refusal is. */
export class CoppiceError extends Error {
  readonly code: string
  readonly hint: string
  readonly exit: ExitCode

  constructor(exit: ExitCode, { code, what, hint, cause }: Refusal) {
    super(oneLine(what), cause === undefined ? undefined : { cause })
    this.code = code
    this.hint = oneLine(hint)
    this.exit = exit
    this.name = new.target.name
  }
}

/** The command line cannot be understood: exit 2. */
export class UsageError extends CoppiceError {
  constructor(refusal: Refusal) {
    super(EXIT.usage, refusal)
  }
}

/** A model or text that is missing, unreadable, unsupported or too short: exit 3. */
export class InputError extends CoppiceError {
  constructor(refusal: Refusal) {
    super(EXIT.input, refusal)
  }
}

/** The federation refuses this peer, or this peer the federation: exit 4. */
export class RefusedError extends CoppiceError {
  constructor(refusal: Refusal) {
    super(EXIT.refused, refusal)
  }
}

/** Nobody answers, or the port is taken: exit 5. */
export class NetworkError extends CoppiceError {
  constructor(refusal: Refusal) {
    super(EXIT.network, refusal)
  }
}

/** The members did not agree in time: exit 6. */
export class NoAgreementError extends CoppiceError {
  constructor(refusal: Refusal) {
    super(EXIT.noAgreement, refusal)
  }
}

/** A quorum holds another result, or something does not verify: exit 7. */
export class DivergedError extends CoppiceError {
  constructor(refusal: Refusal) {
    super(EXIT.diverged, refusal)
  }
}

/** The output or data directory is unwritable, not empty, locked or damaged: exit 8. */
export class OutputError extends CoppiceError {
  constructor(refusal: Refusal) {
    super(EXIT.output, refusal)
  }
}

const CLASSES = [UsageError, InputError, RefusedError, NetworkError, NoAgreementError, DivergedError, OutputError]

/** A refusal as plain data, so that a worker thread can hand it over. Null for anything that is not a refusal. */
export function refusalToObject(error: unknown): (Refusal & { exit: ExitCode }) | null {
  if (!(error instanceof CoppiceError)) return null
  return { code: error.code, what: error.message, hint: error.hint, exit: error.exit }
}

/** The inverse of refusalToObject. */
export function refusalFromObject(object: Refusal & { exit: ExitCode }): CoppiceError {
  const Class = CLASSES[object.exit - EXIT.usage]
  return Class ? new Class(object) : new CoppiceError(object.exit, object)
}
