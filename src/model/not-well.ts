import type { Failure, Run } from './run.ts'

/** The errors that say that all was put back, and that the service is not as well as it was. */
const words = {
  restored_not_well: 'restored, but not well',
  rolled_back_not_well: 'rolled back, but not well',
} as const

/** Tells a failure that says that what passed before does not pass afterwards. */
export function isNotWell({ code }: Pick<Failure, 'code'>): boolean {
  return Object.hasOwn(words, code)
}

/** Words a run that has put back what it should, after which checks no longer pass that had passed; undefined for any other. */
export function notWellWords({ status, phases }: Pick<Run, 'status' | 'phases'>): string | undefined {
  if (status !== 'failed' && status !== 'left') return undefined
  const code = phases.find((phase) => phase.status === 'failed')?.failure?.code
  return Object.entries(words).find(([known]) => known === code)?.[1]
}
