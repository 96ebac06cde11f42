/** The name of a model on a hub, as --model has it: hf:OWNER/NAME or hf:OWNER/NAME@REVISION. */
import { UsageError } from '../../src/base/errors.ts'

const PREFIX = 'hf:'
/** One half of a repository's name, as the hub allows it. */
const PART = '[A-Za-z0-9][\\w.-]{0,95}'
/** A branch, a tag or a commit. Git allows more; nothing here may leave a directory or end an address. */
const REVISION = '[A-Za-z0-9][\\w./-]{0,199}'
const NAME = new RegExp(`^${PREFIX}(${PART}/${PART})(?:@(${REVISION}))?$`)
const COMMIT = /^[0-9a-f]{40}$/

/** The revision that a name without one means. */
const DEFAULT_REVISION = 'main'

export interface HubName {
  /** OWNER/NAME. */
  repository: string
  /** A branch, a tag or a commit. */
  revision: string
}

export function isHubName(model: string): boolean {
  return model.startsWith(PREFIX)
}

/** @throws {UsageError} USAGE_VALUE */
export function parseHubName(model: string): HubName {
  const [, repository, revision = DEFAULT_REVISION] = NAME.exec(model) ?? []
  if (repository === undefined || `${repository}/${revision}`.split('/').some((part) => /^\.+$|\.\./.test(part))) {
    throw new UsageError({
      code: 'USAGE_VALUE',
      what: `--model ${JSON.stringify(model)}: expected ${PREFIX}OWNER/NAME or ${PREFIX}OWNER/NAME@REVISION`,
      hint: `Give --model a repository of the hub, such as ${PREFIX}onnx-community/SmolLM2-135M-ONNX; a directory of such a name is ./${PREFIX}...`,
    })
  }
  return { repository, revision }
}

/** The name that means one commit for ever. */
export function pinnedName(repository: string, commit: string): string {
  return `${PREFIX}${repository}@${commit}`
}

export function isCommit(revision: string): boolean {
  return COMMIT.test(revision)
}
