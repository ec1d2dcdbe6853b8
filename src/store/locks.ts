import { recordAudit } from './audit.ts'
import type { Lock } from '../model/lock.ts'
import type { StateDatabase } from './database.ts'

export class LockStore {
  readonly #db: StateDatabase

  constructor(db: StateDatabase) {
    this.#db = db
  }

  async find(environment: string): Promise<Lock | undefined> {
    const { rows } = await this.#db.query<{ environment: string; reason: string; locked_by: string; at: Date }>(
      'select environment, reason, locked_by, at from purser.locks where environment = $1',
      [environment],
    )
    const row = rows[0]
    return row && { environment: row.environment, reason: row.reason, lockedBy: row.locked_by, at: row.at }
  }

  /** Locks the environment. Returns false when it is locked already: the first lock stays. */
  async lock(environment: string, reason: string, by: string, source: string): Promise<boolean> {
    return this.#db.transaction(async (sql) => {
      const { rowCount } = await sql.query(
        'insert into purser.locks (environment, reason, locked_by) values ($1, $2, $3) on conflict do nothing',
        [environment, this.#db.mask(reason), by],
      )
      if (rowCount === 1)
        await recordAudit(sql, this.#db, {
          run: undefined,
          actor: by,
          source,
          kind: 'locked',
          text: `${environment}: ${reason}`,
        })
      return rowCount === 1
    })
  }

  /** Unlocks the environment. Returns false when it was not locked. */
  async unlock(environment: string, by: string, source: string): Promise<boolean> {
    return this.#db.transaction(async (sql) => {
      const { rowCount } = await sql.query('delete from purser.locks where environment = $1', [environment])
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
}
