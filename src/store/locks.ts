import { recordAudit } from './audit.ts'
import type { Lock } from '../model/lock.ts'
import type { Run } from '../model/run.ts'
import { utc } from '../text.ts'
import type { Sql, StateDatabase } from './database.ts'
import { insertPost } from './posts.ts'

interface LockRow {
  readonly environment: string
  readonly reason: string
  readonly locked_by: string
  readonly at: Date
  readonly until: Date | null
}

const columns = 'environment, reason, locked_by, at, until'
const purser = { run: undefined, actor: 'purser', source: 'purser' } as const

/** What a lock is made of; `environment` is locked once. */
interface NewLock {
  readonly environment: string
  readonly reason: string
  readonly by: string
  readonly source: string
  readonly until?: Date | undefined
}

interface Locking {
  readonly locked: boolean
  /** The former lock, whose time was over and which made way: whoever locks says that it has ended. */
  readonly ended: Lock | undefined
}

export class LockStore {
  readonly #db: StateDatabase

  constructor(db: StateDatabase) {
    this.#db = db
  }

  /** Finds the lock that holds. One whose time is over holds nothing, also before it is cleared away. */
  async find(environment: string): Promise<Lock | undefined> {
    const { rows } = await this.#db.query<LockRow>(
      `select ${columns} from purser.locks where environment = $1 and (until is null or until > now())`,
      [environment],
    )
    return rows.map(lockOf)[0]
  }

  /** Finds every lock that holds, by its environment. */
  async all(): Promise<ReadonlyMap<string, Lock>> {
    const { rows } = await this.#db.query<LockRow>(
      `select ${columns} from purser.locks where until is null or until > now()`,
    )
    return new Map(rows.map((row) => [row.environment, lockOf(row)]))
  }

  /** Locks the environment, unless it is locked already: the first lock stays. */
  async lock(lock: NewLock): Promise<Locking> {
    return this.#db.transaction((sql) => lockIn(sql, this.#db, lock))
  }

  /** Unlocks the environment. Returns false when it was not locked. A lock whose time is over stays for `clearEnded`. */
  async unlock(environment: string, by: string, source: string): Promise<boolean> {
    return this.#db.transaction(async (sql) => {
      const { rowCount } = await sql.query(
        'delete from purser.locks where environment = $1 and (until is null or until > now())',
        [environment],
      )
      if (rowCount === 1)
        await recordAudit(sql, this.#db, {
          run: undefined,
          actor: by,
          source,
          kind: 'unlocked',
          text: environment,
        })
      return rowCount === 1
    })
  }

  /** Clears the locks away whose time is over, each once, and returns them. */
  async clearEnded(): Promise<readonly Lock[]> {
    return this.#db.transaction((sql) => clearEnded(sql, this.#db))
  }
}

/** The lock that a success leaves: for so many hours, or until somebody unlocks. */
export interface LeftLock {
  readonly reason: string
  readonly hours: number | undefined
}

/** Does what `lock` does, inside a transaction of the caller. */
async function lockIn(sql: Sql, db: StateDatabase, lock: NewLock): Promise<Locking> {
  const { environment, reason, by, source, until } = lock
  const [ended] = await clearEnded(sql, db, environment)
  const { rowCount } = await sql.query(
    'insert into purser.locks (environment, reason, locked_by, until) values ($1, $2, $3, $4) on conflict do nothing',
    [environment, db.mask(reason), by, until ?? null],
  )
  const end = until === undefined ? '' : ` (until ${until.toISOString()})`
  if (rowCount === 1)
    await recordAudit(sql, db, {
      run: undefined,
      actor: by,
      source,
      kind: 'locked',
      text: `${environment}: ${reason}${end}`,
    })
  return { locked: rowCount === 1, ended }
}

/** Locks the environment of a run that succeeded, unless it is locked already, and says so in its thread. */
export async function leaveLock(
  sql: Sql,
  db: StateDatabase,
  { number, environment, requestedBy: by, channel: source }: Run,
  { reason, hours }: LeftLock,
): Promise<void> {
  const until = hours === undefined ? undefined : await timeIn(sql, hours)
  const { locked, ended } = await lockIn(sql, db, { environment, reason, by, source, until })
  if (!locked) return
  const former = ended === undefined ? '' : `The lock “${ended.reason}” has ended. `
  const end = until === undefined ? 'until it is unlocked' : `until ${utc(until)}`
  const text = `${former}${environment} is locked now, ${end}: ${reason}. To unlock: \`/billing unlock ${environment}\``
  await insertPost(sql, number, { kind: 'note', text })
}

/** By the clock of the database, which also says when it is over. */
async function timeIn(sql: Sql, hours: number): Promise<Date | undefined> {
  const { rows } = await sql.query<{ at: Date }>('select now() + make_interval(secs => $1 * 3600) as at', [hours])
  return rows[0]?.at
}

async function clearEnded(sql: Sql, db: StateDatabase, environment?: string): Promise<readonly Lock[]> {
  const { rows } = await sql.query<LockRow>(
    `delete from purser.locks where until <= now() and ($1::text is null or environment = $1) returning ${columns}`,
    [environment ?? null],
  )
  const ended = rows.map(lockOf)
  for (const lock of ended)
    await recordAudit(sql, db, { ...purser, kind: 'lock_ended', text: `${lock.environment}: ${lock.reason}` })
  return ended
}

function lockOf({ environment, reason, locked_by: lockedBy, at, until }: LockRow): Lock {
  return { environment, reason, lockedBy, at, until: until ?? undefined }
}
