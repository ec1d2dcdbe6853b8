import { PurserError } from '../errors.ts'
import { type AskedDeploy, noSuchVersionText } from '../messages/answers/no-such-version.ts'
import { nearest } from '../nearest.ts'
import type { CommandContext } from './command-context.ts'
import { isVersion } from './grammar/words.ts'

/** The time for the repository's answer, in milliseconds: whoever typed a command waits for it. */
const typedLimitMs = 2_000
/** The same for a confirmed dialog, to which Slack waits three seconds for an answer. */
export const dialogLimitMs = 1_000

/** Raised before a run is made: a mistyped version is told to its typist alone. */
export class NoSuchVersion extends PurserError {
  readonly code = 'no_such_version'
  readonly asked: AskedDeploy
  /** Tags that look like the one that was asked for, the best first. */
  readonly nearest: readonly string[]

  constructor(asked: AskedDeploy, closest: readonly string[]) {
    super(noSuchVersionText(asked.version, closest))
    this.asked = asked
    this.nearest = closest
  }
}

/**
 * Raises NoSuchVersion when the repository has no such tag. A repository that does not answer in time keeps nobody from
 * deploying: the plan looks for the tag in any case.
 */
export async function guardVersion(
  asked: AskedDeploy,
  { tagNames, log }: CommandContext,
  withinMs = typedLimitMs,
): Promise<void> {
  const tags = await tagNames(withinMs).catch((error: unknown) => {
    log.warn({ err: error, version: asked.version }, 'looking for a tag before a run is made')
    return undefined
  })
  if (tags === undefined || tags.includes(asked.version)) return
  throw new NoSuchVersion(asked, nearest(asked.version, tags.filter(isVersion)))
}
