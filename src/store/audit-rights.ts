import type { Sql } from './database.ts'

/** What the role of this connection could do to the table of audit events, beside adding to it and reading it. */
export interface AuditRights {
  /** It is the owner, may become it, or is a superuser: no trigger and no missing right stops those. */
  readonly owns: boolean
  readonly changes: readonly ('UPDATE' | 'DELETE' | 'TRUNCATE')[]
  /** The owner of a schema may drop every table in it. */
  readonly ownsSchema: boolean
}

export async function auditRights(sql: Sql): Promise<AuditRights> {
  const { rows } = await sql.query<{ owns: boolean; changes: AuditRights['changes']; owns_schema: boolean }>(
    `select pg_has_role(c.relowner, 'MEMBER') as owns, pg_has_role(n.nspowner, 'MEMBER') as owns_schema,
       (select coalesce(array_agg(r order by r), '{}') from unnest(array['UPDATE', 'DELETE', 'TRUNCATE']) r
        where has_table_privilege(c.oid, r)) as changes
     from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = to_regclass('purser.audit_events')`,
  )
  const row = rows[0]
  return { owns: row?.owns ?? true, changes: row?.changes ?? [], ownsSchema: row?.owns_schema ?? true }
}
