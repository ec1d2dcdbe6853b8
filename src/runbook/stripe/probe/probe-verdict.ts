import type { ProbeAnswer } from '../../../adapters/stripe/port.ts'

/*
 * What the answers to test events mean. One event signed with the cluster's secret, the same one signed with a made-up secret, and the
 * same one unsigned: only the three together tell a wrong secret from a refused content, and from a service that checks nothing.
 */

/** The age, in either direction, at which Stripe's libraries refuse a signature. https://docs.stripe.com/webhooks#replay-attacks */
export const toleranceSeconds = 300

interface ProbeAnswers {
  readonly signed: Pick<ProbeAnswer, 'status' | 'body'>
  /** The answer to the event signed with a made-up secret; undefined where it was not asked. */
  readonly madeUp: Pick<ProbeAnswer, 'status' | 'body'> | undefined
  readonly unsigned: Pick<ProbeAnswer, 'status' | 'body'> | undefined
  /** The service reads events back from Stripe, so that it cannot take one that Stripe does not know. */
  readonly readsBack: boolean
}

/**
 * - `accepted`: the service knows the cluster's secret, and no other as far as was asked
 * - `unchecked`: it takes what was signed with any secret, or with none
 * - `secret`: it answers as to a made-up secret, so it does not know the cluster's
 * - `content`: it knows the secret and refuses the event all the same
 * - `redirect`, `kept_out`, `too_large`, `path`, `limited`, `other_reason`, `failing`: the answer tells nothing about the signature
 */
export type ProbeVerdict =
  | 'accepted'
  | 'unchecked'
  | 'secret'
  | 'content'
  | 'redirect'
  | 'kept_out'
  | 'too_large'
  | 'path'
  | 'limited'
  | 'other_reason'
  | 'failing'

/** Pure. */
export function probeVerdict({ signed, madeUp, unsigned, readsBack }: ProbeAnswers): ProbeVerdict {
  if (isTaken(madeUp) || isTaken(unsigned)) return 'unchecked'
  if (isTaken(signed)) return 'accepted'
  const { status } = signed
  if (status >= 300 && status < 400) return 'redirect'
  if (madeUp !== undefined && !sameAnswer(signed, madeUp)) return readsBack ? 'accepted' : 'content'
  if (status === 401 || status === 403) return 'kept_out'
  if (status === 404 || status === 405 || status === 410) return 'path'
  if (status === 413) return 'too_large'
  if (status === 429) return 'limited'
  if (otherReasons.includes(status)) return 'other_reason'
  return status >= 500 ? 'failing' : 'secret'
}

/**
 * Statuses by which a service, or what stands before it, refuses an event for another reason than its signature.
 * https://www.rfc-editor.org/rfc/rfc9110#name-client-error-4xx, https://www.rfc-editor.org/rfc/rfc6585
 */
const otherReasons: readonly number[] = [404, 405, 406, 407, 408, 410, 411, 413, 414, 415, 417, 421, 426, 429, 431]

/** Tells whether an answer to an event that must be refused is a refusal of its signature. Pure. */
export function refusesSignature({ status }: Pick<ProbeAnswer, 'status'>): boolean {
  return status >= 400 && status < 500 && !otherReasons.includes(status)
}

function isTaken(answer: Pick<ProbeAnswer, 'status'> | undefined): boolean {
  return answer !== undefined && answer.status >= 200 && answer.status < 300
}

/** Compares what is the same each time: services write the id of a request or the time into their answers. */
function sameAnswer(one: Pick<ProbeAnswer, 'status' | 'body'>, other: Pick<ProbeAnswer, 'status' | 'body'>): boolean {
  return one.status === other.status && steady(one.body) === steady(other.body)
}

function steady(body: string): string {
  return body.replace(/[0-9a-f]{8}[0-9a-f-]*|\d+/gi, '#')
}
