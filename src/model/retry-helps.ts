import { unknownVersion } from '../errors.ts'
import type { Run } from './run.ts'

/** The codes of failures in which the request itself is at fault: a plan made again says the same. */
const lasting: readonly string[] = [unknownVersion]

/**
 * Tells a run whose very first plan could not be made: it has done nothing, and nobody has to decide what becomes of
 * it.
 */
export function neverPlanned(run: Pick<Run, 'status' | 'startedAt' | 'phases'>): boolean {
  if (run.status !== 'failed' || run.startedAt !== undefined) return false
  return run.phases.some(({ name, status }) => name === 'plan' && status === 'failed')
}

/** Tells whether doing the failed phase again may come to another end. Pure. */
export function retryHelps(run: Pick<Run, 'status' | 'startedAt' | 'phases' | 'failure'>): boolean {
  const failed = run.phases.find(({ status }) => status === 'failed')
  const code = failed?.failure?.code ?? run.failure?.code ?? ''
  return !(neverPlanned(run) && lasting.includes(code))
}
