import { canonicalJson, sha256 } from '../model/json.ts'
import type { Sql, StateDatabase } from './database.ts'

export interface AuditEvent {
  readonly run: number | undefined
  readonly at: Date
  /** The Slack user id, or the name of the process that acted. */
  readonly actor: string
  /** The channel or worker that it came from. */
  readonly source: string
  readonly kind: string
  readonly text: string
}

type NewAuditEvent = Omit<AuditEvent, 'at'>

interface AuditRow {
  run: string | null
  at: Date
  actor: string
  source: string
  kind: string
  text: string
  previous_hash: string
  hash: string
}

/** Appends to the hash chain. It is called inside the transaction of the change that the event tells of. */
export async function recordAudit(sql: Sql, mask: StateDatabase['mask'], event: NewAuditEvent): Promise<void> {
  await sql.query(`select pg_advisory_xact_lock(hashtextextended('purser:audit', 0))`)
  const last = await sql.query<{ hash: string }>('select hash from purser.audit_events order by id desc limit 1')
  const previous = last.rows[0]?.hash ?? ''
  const at = new Date()
  const told = { ...event, text: mask(event.text) }
  await sql.query(
    `insert into purser.audit_events (run, at, actor, source, kind, text, previous_hash, hash)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [event.run ?? null, at, told.actor, told.source, told.kind, told.text, previous, hashOf(previous, { ...told, at })],
  )
}

/** Reads the events of one run, or all of them, the oldest first. */
export async function auditEvents(sql: Sql, run?: number): Promise<readonly AuditEvent[]> {
  const { rows } = await sql.query<AuditRow>(
    `select run, at, actor, source, kind, text, previous_hash, hash from purser.audit_events
     where $1::bigint is null or run = $1 order by id`,
    [run ?? null],
  )
  return rows.map(eventOf)
}

/** Recomputes the whole chain and says whether anything in it was changed, removed or inserted. */
export async function auditChainIsWhole(sql: Sql): Promise<boolean> {
  const { rows } = await sql.query<AuditRow>(
    'select run, at, actor, source, kind, text, previous_hash, hash from purser.audit_events order by id',
  )
  let previous = ''
  for (const row of rows) {
    if (row.previous_hash !== previous || row.hash !== hashOf(previous, eventOf(row))) return false
    previous = row.hash
  }
  return true
}

function eventOf(row: AuditRow): AuditEvent {
  const run = row.run === null ? undefined : Number(row.run)
  return { run, at: row.at, actor: row.actor, source: row.source, kind: row.kind, text: row.text }
}

function hashOf(previous: string, event: AuditEvent): string {
  return sha256(previous + canonicalJson({ ...event, run: event.run ?? null, at: event.at.toISOString() }))
}
