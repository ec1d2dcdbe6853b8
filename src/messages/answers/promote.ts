import { refusal } from './answers.ts'
import type { Message } from '../blocks/message.ts'

/** Says that there is nothing to promote. `after` is the environment that comes before; undefined when none is named. */
export function nothingToPromote(environment: string, after: string | undefined): Message {
  const why =
    after === undefined
      ? `No environment comes before ${environment}. Set policy.after in purser.yaml to promote.`
      : `Nothing to promote: Purser has no current release in ${after}.`
  return refusal(why, `To deploy: \`/billing deploy VERSION ${after ?? environment}\``)
}
