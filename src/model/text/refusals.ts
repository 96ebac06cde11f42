/**
 * Refusals of files that cannot be read as a text. Each failure has its own message, which names the file, the place
 * and a remedy.
 */
import { basename } from 'node:path'
import { InputError } from '../../base/errors.ts'
import { systemCode } from '../../base/system-errors.ts'

/** A file that is read, and its name in messages. */
export interface TextFile {
  path: string
  /** The file as messages name it: "the text /data/a.txt", "the instructions /data/b.json". */
  subject: string
}

export function textFile(path: string, kind: 'text' | 'instructions' = 'text'): TextFile {
  return { path, subject: `the ${kind} ${escaped(path)}` }
}

/** A file's own name, for messages. */
export function textName(path: string): string {
  return escaped(basename(path))
}

/** A name in one line: characters that move the cursor, break the line or turn its direction are written as escapes. */
export function escaped(name: string): string {
  return name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`)
}

/** The refusal for a failed system call on a text: TEXT_MISSING or TEXT_UNREADABLE. */
export function unreadableText({ subject }: TextFile, cause: unknown): InputError {
  const code = systemCode(cause)
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new InputError({
      code: 'TEXT_MISSING',
      what: `${subject} does not exist`,
      hint: 'Check the path; a relative one starts from the folder that the command runs in.',
      cause,
    })
  }
  const [why, hint] =
    code === 'EISDIR'
      ? ['is a directory', 'Name the files in it, each by its path.']
      : code === 'EACCES' || code === 'EPERM'
        ? ['may not be read by this user', 'Give this user the right to read it (chmod, chown), or copy it.']
        : [`cannot be read (${code ?? String(cause)})`, 'Check the disk or the share that it lies on, or copy it.']
  return new InputError({ code: 'TEXT_UNREADABLE', what: `${subject} ${why}`, hint, cause })
}

/** The refusal of a form that is not read: TEXT_FORM. @param form - a noun: "a PDF document" */
export function otherForm({ subject }: TextFile, form: string, hint: string): InputError {
  return new InputError({ code: 'TEXT_FORM', what: `${subject} is ${form}`, hint })
}

/** The refusal of bytes that are not UTF-8: TEXT_ENCODING. */
export function otherEncoding({ subject }: TextFile, what: string, hint: string): InputError {
  return new InputError({ code: 'TEXT_ENCODING', what: `${subject} ${what}`, hint })
}

/** The refusal of packed bytes that cannot be unpacked: TEXT_PACKED. */
export function damagedPacking({ subject }: TextFile, cause: unknown): InputError {
  const short = systemCode(cause) === 'Z_BUF_ERROR'
  return new InputError({
    code: 'TEXT_PACKED',
    what: `${subject} is packed with gzip and ${short ? 'cut short' : `damaged (${(cause as Error).message})`}`,
    hint: 'Copy or download it again; gzip -t FILE checks it.',
    cause,
  })
}
