import type { Run } from './run.ts'

/** Returns until when the board of a finished deploy keeps its Roll back button. */
export function rollbackUntil(run: Run, hours: number): Date | undefined {
  if (run.finishedAt === undefined) return undefined
  return new Date(run.finishedAt.getTime() + hours * 3_600_000)
}
