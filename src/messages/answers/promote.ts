import { refusal } from './answers.ts'
import { code, type Message, words } from '../blocks/message.ts'

/** Says that there is nothing to promote. `after` is the environment that comes before; undefined when none is named. */
export function nothingToPromote(environment: string, after: string | undefined): Message {
  const why =
    after === undefined
      ? `purser.yaml names no environment that comes before ${words(environment, 60)} (policy.after).`
      : `Purser has deployed nothing to ${words(after, 60)} that stands.`
  const next = after === undefined ? `/billing deploy VERSION ${environment}` : `/billing deploy VERSION ${after}`
  return refusal(`${why} Nothing was changed.`, code(next))
}
