import { probeMarks } from '../../adapters/stripe/port.ts'
import type { LogRecord } from './records.ts'

/*
 * What a service logs about Purser's own test events. A service that logs refused signatures as errors would else fail its own check.
 */

/** A service writes a refusal down at once; clocks of nodes differ by a little. */
const aroundMs = 3_000
const marks = Object.values(probeMarks)
const aboutSignatures = /signature|webhook|stripe/i

/** Tells whether a record carries a mark of Purser's test events. */
export function hasProbeMark({ text }: Pick<LogRecord, 'text'>): boolean {
  return marks.some((mark) => text.includes(mark))
}

/** Tells whether a record is about a signature, so that only its time tells whose event it refuses. */
export function isAboutSignatures({ text }: Pick<LogRecord, 'text'>): boolean {
  return aboutSignatures.test(text)
}

/** Tells whether something was logged at the very time at which Purser posted what must be refused. */
export function isAtTestEvent(loggedAt: string, testEvents: readonly Date[]): boolean {
  const logged = Date.parse(loggedAt)
  return testEvents.some((posted) => Math.abs(logged - posted.getTime()) <= aroundMs)
}
