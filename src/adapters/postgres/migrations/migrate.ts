import { setTimeout as sleep } from 'node:timers/promises'
import type { Sensitive } from '../../../sensitive.ts'
import { endBlockersOf, watchBlockers } from './blockers.ts'
import { DatabaseError, explain } from '../errors.ts'
import type { Ledger } from './ledger.ts'
import { applyOutsideTransaction } from './outside-transaction.ts'
import { refusePooled } from '../connection/pooling.ts'
import { asOurselves } from './as-ourselves.ts'
import { blanked, type MigrationText } from './file-text.ts'
import { weakerLockLimits } from './lock-limits.ts'
import { runText } from './run-text.ts'
import type { ApplyMigration, MigrationFile, MigrationOutcome } from '../port.ts'
import { liftLimits, type Session, withSession } from '../connection/session.ts'
import { offThread } from '../../off-thread/off-thread.ts'

const tries = 5
const firstPauseMs = 500
/**
 * The key of the lock that only one session of the whole database holds, whatever the run: two migrations at a time are
 * never right.
 */
const migrationLock = `hashtextextended('purser:migrations', 0)`

export async function applyMigration(
  url: Sensitive,
  ledger: Ledger,
  migration: ApplyMigration,
  signal: AbortSignal,
): Promise<MigrationOutcome> {
  const { file } = migration
  const doing = `applying ${file.name}`
  const text = await runnable(file, signal)
  return withSession(url, doing, signal, async (session) => {
    await refusePooled(session, url, signal)
    await liftLimits(session)
    // The plan read the file with this setting, which a role or a database may have otherwise.
    await session.query('set standard_conforming_strings = on')
    const retry = { doing, signal, onRetry: migration.onRetry }
    await withRetries(retry, () => takeMigrationLock(session, doing))
    const known = await ledger.find(session, file.version)
    if (known) {
      if (known.sha256 === undefined || known.sha256 === file.sha256)
        return { outcome: 'already_applied', milliseconds: 0 }
      throw drift(doing, file, known.sha256, known.appliedAt)
    }
    return withRetries(retry, (attempt) =>
      namingBlockers(url, session, migration, attempt === tries, () =>
        text.runs === 'by statement'
          ? applyOutsideTransaction(session, ledger, migration, signal)
          : applyOnce(session, ledger, { ...migration, text: ownLimitsOut(text, migration) }, signal),
      ),
    )
  })
}

/** Reads how the file is run. Raises for one that cannot be run as it is; the plan has said so, unless the file came by another way. */
async function runnable(file: MigrationFile, signal: AbortSignal): Promise<MigrationText> {
  const text = await offThread('text', file.sql, signal)
  const [first] = text.obstacles
  if (first === undefined) return text
  throw new DatabaseError(first.code, `applying ${file.name}: line ${first.line} ${first.what}`, {
    hint: first.fix,
    evidence: text.obstacles.map((one) => `LINE ${one.line}: ${one.text.split('\n', 1)[0] ?? ''}`),
  })
}

function drift(doing: string, file: MigrationFile, applied: string, appliedAt: string): DatabaseError {
  return new DatabaseError(
    'migration_drift',
    `${doing}: a different text of this migration was applied on ${appliedAt}`,
    {
      hint: 'Restore the file, and put the change into a new migration.',
      evidence: [`applied: sha256 ${applied}`, `in this release: sha256 ${file.sha256}`],
    },
  )
}

class LockBusy extends DatabaseError {
  readonly blockers: readonly string[]

  constructor(doing: string, blockers: readonly string[], cause?: unknown) {
    super('lock_not_available', `${doing}: a lock was not free in time`, {
      hint: 'End the sessions that hold it, or try again when there is less traffic.',
      evidence: blockers.map((blocker) => `held by ${blocker}`),
      transient: true,
      sqlState: '55P03',
      cause,
    })
    this.blockers = blockers
  }
}

interface Retry {
  readonly doing: string
  readonly signal: AbortSignal
  readonly onRetry: ApplyMigration['onRetry']
}

/**
 * Tries again after lock time-outs and deadlocks, with growing pauses so that the queue behind our lock request can
 * drain.
 */
async function withRetries<T>({ signal, onRetry }: Retry, work: (attempt: number) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work(attempt)
    } catch (error) {
      signal.throwIfAborted()
      const again = error instanceof DatabaseError && ['55P03', '40P01', '40001'].includes(error.sqlState ?? '')
      if (!again || attempt >= tries) throw error
      onRetry?.(attempt, error instanceof LockBusy ? error.blockers : [])
      const pause = firstPauseMs * 1.6 ** (attempt - 1) * (0.75 + Math.random() / 2)
      await sleep(pause, undefined, { signal }).catch(() => signal.throwIfAborted())
    }
  }
}

/** Takes the lock for the session, so it goes when the connection does, whatever becomes of us. */
async function takeMigrationLock(session: Session, doing: string): Promise<void> {
  const { rows } = await session.query<{ taken: boolean }>(`select pg_try_advisory_lock(${migrationLock}) as taken`)
  if (rows[0]?.taken) return
  const holders = await session.query<{ holder: string }>(`
    select format('pid %s (%s, another migration)', l.pid, coalesce(nullif(a.application_name, ''), a.usename)) as holder
    from pg_locks l join pg_stat_activity a using (pid)
    where l.locktype = 'advisory' and l.granted and l.objsubid = 1 and l.database = (select oid from pg_database where datname = current_database())
      and (l.classid::bigint << 32 | l.objid::bigint) = ${migrationLock}`)
  throw new LockBusy(
    doing,
    holders.rows.map((row) => row.holder),
  )
}

/** Tells who held the lock that was not free in time. On the last try they are ended, where the policy says so. */
async function namingBlockers<T>(
  url: Sensitive,
  session: Session,
  { file, lockTimeoutMs, endBlockers = false, onEnded }: ApplyMigration,
  last: boolean,
  work: () => Promise<T>,
): Promise<T> {
  const end = async (observer: Session): Promise<void> => {
    const ended = await endBlockersOf(observer, session.processID)
    if (ended.length > 0) onEnded?.(ended)
  }
  const blockers = await watchBlockers(url, session.processID, {
    everyMs: Math.max(50, lockTimeoutMs / 8),
    ...(last && endBlockers ? { onBlocked: end } : {}),
  })
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.sqlState !== '55P03') throw error
    throw new LockBusy(`applying ${file.name}`, await blockers.seen(), error)
  } finally {
    await blockers.close()
  }
}

/** Purser's limit for a lock holds, not the `set lock_timeout = 0` that every dump has. Every statement keeps its place. */
function ownLimitsOut(text: MigrationText, { lockTimeoutMs }: ApplyMigration): MigrationText {
  const weaker = weakerLockLimits(text.lockLimits, lockTimeoutMs).filter(({ how }) => how === 'left out')
  return { ...text, sql: blanked(text.sql, weaker) }
}

async function applyOnce(
  session: Session,
  ledger: Ledger,
  migration: ApplyMigration & { readonly text: MigrationText },
  signal: AbortSignal,
): Promise<MigrationOutcome> {
  const { file, text, run, release, lockTimeoutMs, statementTimeoutMs } = migration
  const doing = `applying ${file.name}`
  const started = performance.now()
  try {
    await session.query('begin')
    await session.query(`set local lock_timeout = ${Math.round(lockTimeoutMs)}`)
    await session.query(`set local statement_timeout = ${Math.round(statementTimeoutMs)}`)
    const transaction = await transactionId(session)
    signal.throwIfAborted()
    await runText(session, text, { lockTimeoutMs, statementTimeoutMs })
    if ((await transactionId(session)) !== transaction) throw escaped(doing)
    await session.query(asOurselves)
    const milliseconds = Math.round(performance.now() - started)
    await ledger.record(session, file, { run, release, milliseconds })
    signal.throwIfAborted()
    await session.query('commit')
    return { outcome: 'applied', milliseconds }
  } catch (error) {
    await session.query('rollback').catch(() => {})
    signal.throwIfAborted()
    throw explain(doing, error, file.sql)
  }
}

/**
 * Says that a transaction ended under our feet (a procedure that commits), which cannot be undone, instead of going on.
 */
function escaped(doing: string): DatabaseError {
  return new DatabaseError('migration_escaped', `${doing}: the file ended its own transaction, so part of it stays`, {
    hint: "Compare the schema with the file first. The ledger doesn't list it.",
  })
}

async function transactionId(session: Session): Promise<string> {
  const { rows } = await session.query<{ id: string }>('select pg_current_xact_id()::text as id')
  return rows[0]?.id ?? ''
}
