import { PurserError } from '../errors.ts'

const troubleCodes = ['state_away', 'state_full', 'state_slow'] as const
type TroubleCode = (typeof troubleCodes)[number]

/**
 * A temporary error of the state database: nothing is wrong with what was asked, and the same may succeed later. Whoever
 * has work waits for it (`src/jobs/failures.ts`).
 */
export class StateTrouble extends PurserError {
  readonly code: TroubleCode

  constructor(code: TroubleCode, cause: Error) {
    super(`Purser's state database: ${cause.message}`, { transient: true, hint: hints[code], cause })
    this.code = code
  }
}

const hints: Readonly<Record<TroubleCode, string>> = {
  state_away: 'Bring it back, or raise its max_connections. Purser continues by itself.',
  state_full: 'Make room on its disk or in its memory. Purser continues by itself.',
  state_slow: 'Look in pg_stat_activity at what holds locks or keeps it busy. Purser tries again.',
}

/** SQLSTATEs and codes of sockets, by their beginning: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const byCode: readonly (readonly [beginning: RegExp, TroubleCode])[] = [
  // Disk full, out of memory, I/O error, and a server that went read only for one of them or is a standby now.
  [/^(53100|53200|53000|58030|25006)/, 'state_full'],
  // Too many connections, shutting down, starting, connection trouble.
  [/^(53300|53400|57P0|08|ECONN|ETIMEDOUT|EPIPE|EAI_AGAIN|ENOTFOUND|EHOSTUNREACH|ENETUNREACH)/, 'state_away'],
  // A statement cancelled by its time limit, a lock not got in time, a conflict that the server ended.
  [/^(57014|55P03|40001|40P01)/, 'state_slow'],
]

/** Pure: a temporary error as what it is, any other one as it came. */
export function troubleOf(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof PurserError) return error
  const code = 'code' in error ? String(error.code) : ''
  const found = byCode.find(([beginning]) => beginning.test(code))
  if (found !== undefined) return new StateTrouble(found[1], error)
  // The pool says these without a code.
  const lost =
    /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error/i
  return lost.test(error.message) ? new StateTrouble('state_away', error) : error
}
