import { type AuditHead, type AuditKeys, chained, type ChainedEvent, type NewAuditEvent } from '../model/audit-chain.ts'
import type { Mask, Sql } from './database.ts'

/** What an event needs on its way into the chain. */
export interface AuditWriter {
  readonly mask: Mask
  readonly auditKeys: AuditKeys
}

export interface AuditRow {
  sequence: string
  format: number
  key_id: string | null
  run: string | null
  at: Date
  actor: string
  source: string
  kind: string
  text: string
  facts: unknown
  previous_hash: string
  hash: string
}

const columns = 'sequence, format, key_id, run, at, actor, source, kind, text, facts, previous_hash, hash'

/**
 * Appends to the chain. Call it inside the transaction of the change it tells of, behind the last row that this locks:
 * whoever appends waits for those who do, until they commit.
 */
export async function recordAudit(sql: Sql, writer: AuditWriter, event: NewAuditEvent): Promise<AuditHead> {
  const head = await lockHead(sql)
  const { sequence, hash } = await append(sql, writer.auditKeys, head, [{ ...event, text: writer.mask(event.text) }])
  return { sequence, hash }
}

/** Nobody else appends until the transaction ends; the newest event, undefined when there is none. */
export async function lockHead(sql: Sql): Promise<ChainedEvent | undefined> {
  // A statement of its own: the next one must see what was committed while this one waited.
  await sql.query(`select pg_advisory_xact_lock(hashtextextended('purser:audit', 0))`)
  return newestEvent(sql)
}

export async function newestEvent(sql: Sql): Promise<ChainedEvent | undefined> {
  const { rows } = await sql.query<AuditRow>(
    `select ${columns} from purser.audit_events order by sequence desc limit 1`,
  )
  return rows[0] === undefined ? undefined : eventOf(rows[0])
}

/** In one statement. Texts and facts are masked already, and the head is locked. */
export async function append(
  sql: Sql,
  keys: AuditKeys,
  head: AuditHead | undefined,
  events: readonly NewAuditEvent[],
): Promise<AuditHead> {
  const at = new Date()
  const rows: ChainedEvent[] = []
  for (const event of events) rows.push(chained(rows.at(-1) ?? head, event, { keys, at }))
  await sql.query(
    `insert into purser.audit_events (${columns})
     select ${columns} from jsonb_to_recordset($1) as t (sequence bigint, format smallint, key_id text, run bigint,
       at timestamptz, actor text, source text, kind text, text text, facts jsonb, previous_hash text, hash text)`,
    [
      JSON.stringify(
        rows.map(({ keyId, previousHash, ...row }) => ({ ...row, key_id: keyId, previous_hash: previousHash })),
      ),
    ],
  )
  const { sequence, hash } = rows.at(-1) ?? head ?? { sequence: 0, hash: '' }
  return { sequence, hash }
}

/** Events of one run, or of everything, oldest first. */
export async function auditEvents(sql: Sql, run?: number): Promise<readonly ChainedEvent[]> {
  const { rows } = await sql.query<AuditRow>(
    `select ${columns} from purser.audit_events where $1::bigint is null or run = $1 order by sequence`,
    [run ?? null],
  )
  return rows.map(eventOf)
}

const batch = 1_000

/** Events of the chain in their order, read a batch at a time. */
export async function* chainEvents(sql: Sql, from: number, to: number): AsyncGenerator<ChainedEvent> {
  for (let next = from; ;) {
    const { rows } = await sql.query<AuditRow>(
      `select ${columns} from purser.audit_events where sequence >= $1 and sequence <= $2 order by sequence limit ${batch}`,
      [next, to],
    )
    const events = rows.map(eventOf)
    yield* events
    const last = events.at(-1)
    if (last === undefined || rows.length < batch) return
    next = last.sequence + 1
  }
}

/**
 * Says in the chain that a key is used from here on, when its newest event has not got it: a verification with the key
 * can then expect it of everything that follows. Does nothing without a key.
 */
export async function takeKey(sql: Sql, keys: AuditKeys, source: string): Promise<AuditHead | undefined> {
  const head = await lockHead(sql)
  const id = keys[0]?.id
  if (head === undefined || id === undefined || head.keyId === id) return undefined
  const text = head.keyId === undefined ? 'events have a key from here on' : 'events have another key from here on'
  return append(sql, keys, head, [{ run: undefined, actor: 'purser', source, kind: 'key_taken', text }])
}

export function eventOf(row: AuditRow): ChainedEvent {
  return {
    sequence: Number(row.sequence),
    format: row.format,
    keyId: row.key_id ?? undefined,
    run: row.run === null ? undefined : Number(row.run),
    at: row.at,
    actor: row.actor,
    source: row.source,
    kind: row.kind,
    text: row.text,
    facts: row.facts ?? undefined,
    previousHash: row.previous_hash,
    hash: row.hash,
  }
}
