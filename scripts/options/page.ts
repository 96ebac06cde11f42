/** The option for a page that shows the pictures of a command while it runs. */
import { isIP } from 'node:net'
import { type Command, Option } from 'commander'
import { UsageError } from '../../src/base/errors.ts'

/** Where a page is served. */
export interface PageAddress {
  host: string
  /** 0: any free port. */
  port: number
  /** Whether other machines can reach it: then it may have any name. */
  isOpen: boolean
}

export interface PageOptions {
  /** null: there is no page. */
  page: PageAddress | null
}

export interface RawPage {
  page?: PageAddress
}

const LOOPBACK = /^(127\.\d+\.\d+\.\d+|::1)$/
const EXAMPLE = '127.0.0.1:0'

export function addPageOption(command: Command): Command {
  return command.addOption(
    new Option(
      '--page <host:port>',
      `serve a page that shows pictures while it runs, as in ${EXAMPLE} (any free port, this machine only)`,
    ).argParser(pageAddress),
  )
}

export function pageOption({ page }: RawPage): PageOptions {
  return { page: page ?? null }
}

/** @throws {UsageError} USAGE_VALUE */
function pageAddress(text: string): PageAddress {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? []
  const host = bracketed ?? plain ?? ''
  const port = Number(digits)
  const isGood = isIP(host) === (bracketed === undefined ? 4 : 6) && port <= 65535
  if (isGood) return { host, port, isOpen: !LOOPBACK.test(host) }
  throw new UsageError({
    code: 'USAGE_VALUE',
    what: `--page ${JSON.stringify(text)}: expected an IP address of this machine and a port, such as ${EXAMPLE} or [::1]:8080`,
    hint: `Give --page ${EXAMPLE} for a page that only this machine can open.`,
  })
}
