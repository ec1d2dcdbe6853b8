import { excerpt } from '../../outside-text/excerpt.ts'
import type { Finding } from '../../model/diagnosis.ts'
import type { PhaseContext } from '../phase.ts'
import { ownSignal, timeLimit } from '../../time-limit.ts'

/** What a look at one thing brought: the fact, or why there is none. */
export type Seen<T> =
  | { readonly ok: true; readonly value: T; readonly milliseconds: number }
  | { readonly ok: false; readonly why: string; readonly milliseconds: number }

/** The looks of one diagnosis, which share a time limit; what is not seen by then is unknown. */
export interface Looking {
  readonly context: PhaseContext
  readonly see: <T>(look: (signal: AbortSignal) => Promise<T>) => Promise<Seen<T>>
}

export function lookingWithin(context: PhaseContext, seconds: number): Looking {
  const limit = timeLimit(seconds * 1_000)
  const signal = AbortSignal.any([context.signal, limit])
  return {
    context: { ...context, signal },
    async see(look) {
      const began = performance.now()
      const milliseconds = () => Math.round(performance.now() - began)
      try {
        const value = await look(ownSignal(signal))
        return { ok: true, value, milliseconds: milliseconds() }
      } catch (error) {
        context.signal.throwIfAborted()
        const why = limit.aborted
          ? `no answer within ${seconds} s`
          : error instanceof Error
            ? error.message
            : String(error)
        return { ok: false, why, milliseconds: milliseconds() }
      }
    },
  }
}

/** Returns the fact where it was seen. */
export function known<T>(seen: Seen<T>): T | undefined {
  return seen.ok ? seen.value : undefined
}

type Judged = Pick<Finding, 'verdict' | 'seen'> & { readonly evidence?: readonly string[] }

const longestLine = 300
const mostLines = 12

/**
 * Turns a look into a finding. One whose fact is missing is `unknown`, never a pass, and its reason is what was seen.
 */
export function judged<T>(name: string, title: string, seen: Seen<T>, judge: (fact: T) => Judged): Finding {
  const { evidence = [], ...verdict } = seen.ok
    ? judge(seen.value)
    : ({ verdict: 'unknown', seen: seen.why } satisfies Judged as Judged)
  const short = evidence.slice(-mostLines).map((line) => excerpt(line, longestLine))
  return { name, title, ...verdict, evidence: short, milliseconds: seen.milliseconds }
}

/** Writes a time as "2026-01-05 14:20 UTC". */
export function readable(iso: string | undefined): string {
  return iso === undefined || iso === '' ? 'never' : `${iso.slice(0, 16).replace('T', ' ')} UTC`
}
