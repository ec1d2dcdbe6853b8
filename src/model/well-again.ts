import type { Check } from './run.ts'

/** What is kept of a check that was made before something was put back. */
export type CheckBefore = Pick<Check, 'name' | 'verdict' | 'value'>

/** Why a check may be worse afterwards; undefined when nothing that was approved explains it. */
export type Excuse = (check: Pick<Check, 'name' | 'verdict' | 'value'>) => string | undefined

interface Compared {
  /** Checks that passed before and do not pass now. */
  readonly worse: readonly { readonly check: Check; readonly before: CheckBefore }[]
  /** Those of them that follow from what was approved, each with its reason. */
  readonly excused: readonly { readonly check: Check; readonly because: string }[]
  /** The number of checks that passed before and pass again. */
  readonly again: number
}

/**
 * Compares the checks after a restore or a rollback with those before it. What passed before has to pass again: a warning
 * is worse, and so is what could not be seen. Pure.
 */
export function comparedWith(before: readonly CheckBefore[], after: readonly Check[], excuse: Excuse): Compared {
  const passed = new Map(before.filter(({ verdict }) => verdict === 'pass').map((check) => [check.name, check]))
  const judged = after.flatMap((check) => {
    const then = passed.get(check.name)
    return then === undefined ? [] : [{ check, before: then, because: excuse(check) }]
  })
  const bad = judged.filter(({ check }) => check.verdict !== 'pass')
  return {
    worse: bad.flatMap(({ check, before: then, because }) => (because === undefined ? [{ check, before: then }] : [])),
    excused: bad.flatMap(({ check, because }) => (because === undefined ? [] : [{ check, because }])),
    again: judged.length - bad.length,
  }
}

/** Words what passed before and does not now, a line for each check. */
export function worseLines(worse: Compared['worse']): readonly string[] {
  const words = { fail: 'failed', unknown: "couldn't be checked", inconclusive: 'without enough data', warn: 'warns' }
  return worse.map(({ check: { title, verdict, value }, before }) => {
    const now = verdict === 'pass' ? 'passed' : words[verdict]
    return `${title}: ${now} (${value}). Before: passed (${before.value})`
  })
}
