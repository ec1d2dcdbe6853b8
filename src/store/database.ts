import pg, { type Pool, type PoolClient, type QueryResultRow } from 'pg'
import { maskDeep } from '../outside-text/mask-deep.ts'
import type { AuditKeys } from '../model/audit-chain.ts'
import { troubleOf } from './trouble.ts'

/** Masks every secret in anything that is about to be stored. */
export type Mask = <T>(value: T) => T

/** The schema of a Purser that has a database to itself. */
export const ordinarySchema = 'purser'

/** Runs SQL on the pool or inside a transaction; the stores take either. */
export interface Sql {
  query<R extends QueryResultRow>(text: string, values?: readonly unknown[]): Promise<{ rows: R[]; rowCount: number }>
}

/** Purser's own Postgres. Every statement has a time limit, and the stores put what they write through `mask` first. */
export class StateDatabase implements Sql {
  readonly pool: Pool
  readonly mask: Mask
  /** What makes the hashes of audit events; it never gets into the database. */
  readonly auditKeys: AuditKeys
  /** The schema that holds one Purser's state; several Pursers may have one each in a database. */
  readonly schema: string

  constructor(pool: Pool, mask: Mask, auditKeys: AuditKeys = [], schema: string = ordinarySchema) {
    this.pool = pool
    this.schema = schema
    this.auditKeys = auditKeys
    this.mask = (value) => maskDeep(mask(value), storable)
  }

  async query<R extends QueryResultRow>(text: string, values: readonly unknown[] = []) {
    return sqlOn(this.pool, this.schema).query<R>(text, values)
  }

  /** Does all of `work` or nothing. The callback must use the `Sql` that it is given. */
  async transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#between('begin', work)
  }

  /** Reads the database as it is at one time, however long that takes. The callback must use the `Sql` it is given. */
  async snapshot<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#between('begin isolation level repeatable read read only', work)
  }

  async #between<T>(begin: string, work: (sql: Sql) => Promise<T>): Promise<T> {
    const client = await this.pool.connect().catch(rethrow)
    let broken: Error | undefined
    try {
      await client.query(begin)
      const result = await work(sqlOn(client, this.schema))
      await client.query('commit')
      return result
    } catch (error) {
      await client.query('rollback').catch((failure: unknown) => {
        broken = failure instanceof Error ? failure : new Error(String(failure))
      })
      throw troubleOf(error)
    } finally {
      client.release(broken)
    }
  }
}

/** Makes a pool of `max` connections for the state database: 10 s for a statement, 5 s for a connection. */
export function statePool(connectionString: string, onError: (error: Error) => void, max = 7): Pool {
  const pool = new pg.Pool({
    connectionString,
    max,
    connectionTimeoutMillis: 5_000,
    statement_timeout: 10_000,
    application_name: 'purser',
  })
  pool.on('error', onError)
  return pool
}

/**
 * Replaces by U+FFFD what Postgres cannot store and programs print all the same: NUL bytes, halves of surrogate pairs.
 */
function storable(text: string): string {
  return text.replace(/\0|\p{Surrogate}/gu, '\ufffd')
}

/** Runs statements, which name their tables in the schema `purser`, in the schema of this Purser. */
export function sqlOn(target: Pool | PoolClient, schema: string): Sql {
  return {
    async query<R extends QueryResultRow>(text: string, values: readonly unknown[] = []) {
      const result = await target.query<R>(inSchema(text, schema), [...values]).catch(rethrow)
      return { rows: result.rows, rowCount: result.rowCount ?? 0 }
    },
  }
}

function rethrow(error: unknown): never {
  throw troubleOf(error)
}

/** Pure: the statement with its tables in another schema. Values are parameters, so that nothing else has such a name. */
export function inSchema(text: string, schema: string): string {
  return schema === ordinarySchema ? text : text.replaceAll(/\bpurser\.(?=[a-z_])/g, `${schema}.`)
}
