/** A message of another member, or what is wrong with its bytes. */
import { MalformedMessageError } from '../../protocols/wire/encoding.ts'

type Decoded<T> = { message: T; fault: null } | { message: null; fault: string }

export function decoded<T>(decode: () => T): Decoded<T> {
  try {
    return { message: decode(), fault: null }
  } catch (error) {
    if (error instanceof MalformedMessageError) return { message: null, fault: error.message }
    throw error
  }
}
