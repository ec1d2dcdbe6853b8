import { PurserError } from '../../errors.ts'

/** Why no answer came: `cut` says that the connection was made and broken, `other` that it was none of these. */
export type NoAnswerReason = 'name' | 'refused' | 'cut' | 'tls' | 'timeout' | 'other'

const noAnswerCodes = ['http_no_answer', 'http_timeout'] as const
type NoAnswerCode = (typeof noAnswerCodes)[number]

/** No answer came: refused, cut, name unknown, or too slow. An HTTP error status is an answer and never raises this. */
export class NoAnswer extends PurserError {
  readonly code: NoAnswerCode
  readonly reason: NoAnswerReason

  constructor(
    doing: string,
    why: string,
    facts: {
      readonly hint?: string
      readonly code?: NoAnswerCode
      readonly cause?: unknown
      readonly reason?: NoAnswerReason
    } = {},
  ) {
    super(`${doing}: ${why}`, {
      hint: facts.hint ?? 'check the address and that it can be reached from where Purser runs',
      transient: true,
      cause: facts.cause,
    })
    this.code = facts.code ?? 'http_no_answer'
    this.reason = facts.reason ?? 'other'
  }
}
