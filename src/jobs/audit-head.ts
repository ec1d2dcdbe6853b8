import type { Logger } from 'pino'
import type { Applied } from '../store/runs.ts'

/** The log is out of reach of whoever can write the state database: at each run's end it keeps where the audit stood. */
export function logAuditHead({ run, ended }: Applied, log: Logger): void {
  if (ended !== undefined) log.info({ run: run.number, sequence: ended.sequence, hash: ended.hash }, 'audit head')
}
