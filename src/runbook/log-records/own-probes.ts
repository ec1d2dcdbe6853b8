import { probeMarks } from '../../adapters/stripe/port.ts'
import type { RefusedProbe } from '../../model/refused-probe.ts'
import type { ErrorLine } from './error-records.ts'

/** A service writes a refusal down at once; clocks of nodes differ by a little. */
const aroundMs = 3_000
const marks = Object.values(probeMarks)
const aboutSignatures = /signature|webhook|stripe/i

/**
 * Leaves out what the service logged about Purser's own test events: lines that carry their marks, and refusals of a signature at the very
 * time at which Purser posted what must be refused. A service that logs refused signatures as errors would else fail its own check.
 */
export function withoutOwnProbes(errorLine: ErrorLine, probes: readonly RefusedProbe[]): ErrorLine {
  const times = probes.map(({ at }) => Date.parse(at))
  return (record) => {
    const { text, at } = record
    if (marks.some((mark) => text.includes(mark))) return undefined
    const logged = at === undefined ? Number.NaN : Date.parse(at)
    const isOwn = times.some((time) => Math.abs(logged - time) <= aroundMs) && aboutSignatures.test(text)
    return isOwn ? undefined : errorLine(record)
  }
}
