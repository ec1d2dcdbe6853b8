import type { AuditKeys } from '../../model/audit-chain.ts'
import type { Sql } from '../database.ts'

/** One step of the state database's schema. A released one never changes. */
export interface Migration {
  readonly version: number
  readonly name: string
  readonly sql: string
  /** What SQL alone cannot do; in the same transaction, after it. */
  readonly after?: (sql: Sql, auditKeys: AuditKeys) => Promise<void>
}
