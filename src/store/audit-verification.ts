import { z } from 'zod'
import {
  type AuditHead,
  type AuditKeys,
  type ChainBreak,
  ChainCheck,
  type ChainedEvent,
  isGenuine,
  mostBreaks,
} from '../model/audit-chain.ts'
import { differencesOf } from '../model/audit-records.ts'
import type { AnchorPlace, AuditBreak, AuditReport } from '../model/audit-report.ts'
import { type AuditRow, chainEvents, eventOf, newestEvent } from './audit.ts'
import { recordsOf, runsAfter } from './audit-records.ts'
import type { Sql, StateDatabase } from './database.ts'

/** What is to be looked at. */
export type AuditScope =
  /** The whole chain, and every run. */
  | { readonly kind: 'everything' }
  /** The events from the first to the last one of a run, and the run. */
  | { readonly kind: 'run'; readonly run: number }
  /** The newest events, the first one of the chain's format, and the newest anchors in threads: what a start looks at. */
  | { readonly kind: 'newest'; readonly events: number }

interface Anchor extends AuditHead {
  readonly place: AnchorPlace
}

const runsAtOnce = 50
const anchorsAtStart = 20
/** Around a misplaced event, the one that it followed is looked for. */
const near = 1_000

/** Reads everything as it is at one time, a batch at a time, each row once or twice; changes nothing. */
export async function verifyAudit(
  db: Pick<StateDatabase, 'snapshot' | 'auditKeys'>,
  scope: AuditScope,
  given: readonly AuditHead[] = [],
): Promise<AuditReport> {
  return db.snapshot(async (sql) => {
    const head = await newestEvent(sql)
    const check = await chainIn(sql, db.auditKeys, scope, head)
    const breaks: AuditBreak[] = await named(sql, check.breaks)
    const anchors: Anchor[] = given.map((anchor) => ({ ...anchor, place: { kind: 'given' } }))
    if (scope.kind === 'newest') {
      breaks.push(...(await beginningBreaks(sql, db.auditKeys, head)))
      anchors.push(...(await newestAnchors(sql)))
    }
    breaks.push(...(await anchorBreaks(sql, anchors, head)))
    const seen = scope.kind === 'newest' ? nothingSeen() : await compareRuns(sql, scope, head, breaks)
    if (scope.kind === 'run' && check.first === undefined && seen.runs === 0)
      breaks.push({ kind: 'unknown_run', run: scope.run })
    const lastAnchor = anchors.reduce((newest, { sequence }) => Math.max(newest, sequence), seen.lastAnchor)
    return {
      from: check.first,
      to: check.last?.sequence,
      former: check.former,
      unkeyed: check.unkeyed,
      keyed: check.keyed,
      unchecked: check.unchecked,
      runs: seen.runs,
      approvals: seen.approvals,
      effects: seen.effects,
      anchors: anchors.length + seen.anchors,
      lastAnchor: lastAnchor === 0 ? undefined : lastAnchor,
      head: head === undefined ? undefined : { sequence: head.sequence, hash: head.hash },
      hasKey: db.auditKeys.length > 0,
      breaks: breaks.slice(0, mostBreaks),
    }
  })
}

async function chainIn(
  sql: Sql,
  keys: AuditKeys,
  scope: AuditScope,
  head: ChainedEvent | undefined,
): Promise<ChainCheck> {
  const last = head?.sequence ?? 0
  if (scope.kind === 'run') {
    const { rows } = await sql.query<{ first: string | null; last: string | null }>(
      'select min(sequence) as first, max(sequence) as last from purser.audit_events where run = $1',
      [scope.run],
    )
    const { first, last: end } = rows[0] ?? { first: null, last: null }
    const check = new ChainCheck(keys, Number(first ?? 1))
    return first === null ? check : read(sql, check, Number(first), Number(end), false)
  }
  const from = scope.kind === 'newest' ? Math.max(1, last - scope.events + 1) : 1
  // What was put before the first place is found too.
  return read(sql, new ChainCheck(keys, from), from === 1 ? Number.MIN_SAFE_INTEGER : from, last, true)
}

async function read(sql: Sql, check: ChainCheck, from: number, to: number, isHead: boolean): Promise<ChainCheck> {
  for await (const event of chainEvents(sql, from, to)) {
    check.add(event)
    if (check.isFull) return check
  }
  check.end({ isHead })
  return check
}

/** A misplaced event either changed places with others, or those before it were removed and the places closed up. */
async function named(sql: Sql, breaks: readonly ChainBreak[]): Promise<AuditBreak[]> {
  const all: AuditBreak[] = []
  for (const one of breaks) {
    if (one.kind !== 'misplaced') {
      all.push(one)
      continue
    }
    const { sequence, previousHash } = one
    const { rows } = await sql.query(
      'select 1 from purser.audit_events where sequence between $1 and $2 and hash = $3 limit 1',
      [sequence - near, sequence + near, previousHash],
    )
    const elsewhere = rows.length > 0 || previousHash === ''
    all.push({ kind: elsewhere ? 'reordered' : 'gap_closed', sequence })
  }
  return all
}

const begunFacts = z.object({ former: z.object({ sequence: z.number(), hash: z.string() }).nullable() })

/** The event that took the former chain over, and the newest one of that chain. */
async function beginningBreaks(
  sql: Sql,
  keys: AuditKeys,
  head: ChainedEvent | undefined,
): Promise<readonly ChainBreak[]> {
  if (head === undefined) return []
  const { rows } = await sql.query<AuditRow>(
    `select * from purser.audit_events where kind = 'chain_begun' order by sequence limit 1`,
  )
  const begun = rows.map(eventOf)[0]
  if (begun === undefined) return [{ kind: 'missing', from: 1, to: head.sequence - 1 }]
  const canTell = begun.keyId === undefined || keys.length > 0
  const facts = begunFacts.safeParse(begun.facts).data
  if ((canTell && !isGenuine(begun, keys)) || facts === undefined)
    return [{ kind: 'forged', sequence: begun.sequence, why: 'hash' }]
  const { former } = facts
  if (former === null) return []
  const found = await hashesAt(sql, [former.sequence])
  const hash = found.get(former.sequence)
  if (hash === undefined) return [{ kind: 'missing', from: former.sequence, to: former.sequence }]
  return hash === former.hash ? [] : [{ kind: 'forged', sequence: former.sequence, why: 'hash' }]
}

const headPost = z.object({ kind: z.literal('audit_head'), sequence: z.number(), hash: z.string() })

function anchorsIn(rows: readonly { run: string; post: unknown }[]): readonly Anchor[] {
  return rows.flatMap(({ run, post }) => {
    const told = headPost.safeParse(post).data
    if (told === undefined) return []
    return [{ sequence: told.sequence, hash: told.hash, place: { kind: 'thread', run: Number(run) } }]
  })
}

async function newestAnchors(sql: Sql): Promise<readonly Anchor[]> {
  const { rows } = await sql.query<{ run: string; post: unknown }>(
    `select run, post from purser.posts where post ->> 'kind' = 'audit_head' order by id desc limit $1`,
    [anchorsAtStart],
  )
  return anchorsIn(rows)
}

async function hashesAt(sql: Sql, places: readonly number[]): Promise<ReadonlyMap<number, string>> {
  const { rows } = await sql.query<{ sequence: string; hash: string }>(
    'select sequence, hash from purser.audit_events where sequence = any($1)',
    [places],
  )
  return new Map(rows.map(({ sequence, hash }) => [Number(sequence), hash]))
}

async function anchorBreaks(
  sql: Sql,
  anchors: readonly Anchor[],
  head: ChainedEvent | undefined,
): Promise<readonly AuditBreak[]> {
  const found = await hashesAt(
    sql,
    anchors.map(({ sequence }) => sequence),
  )
  const last = head?.sequence ?? 0
  return anchors.flatMap(({ sequence, hash, place }): AuditBreak[] => {
    const there = found.get(sequence)
    if (there === hash) return []
    const how = sequence > last ? 'behind' : there === undefined ? 'gone' : 'other_hash'
    return [{ kind: 'anchor', place, sequence, how, head: last }]
  })
}

interface Seen {
  readonly runs: number
  readonly approvals: number
  readonly effects: number
  /** In thread posts of these runs. */
  readonly anchors: number
  /** The newest place that one of them tells; 0: none. */
  readonly lastAnchor: number
}

const nothingSeen = (): Seen => ({ runs: 0, approvals: 0, effects: 0, anchors: 0, lastAnchor: 0 })

/** Compares rows and thread posts of runs with the audit; what differs goes into `breaks`. */
async function compareRuns(
  sql: Sql,
  scope: Exclude<AuditScope, { kind: 'newest' }>,
  head: ChainedEvent | undefined,
  breaks: AuditBreak[],
): Promise<Seen> {
  if (scope.kind === 'run') return compareBatch(sql, [scope.run], head, breaks)
  let seen = nothingSeen()
  for (let after = 0; ;) {
    const runs = await runsAfter(sql, after, runsAtOnce)
    const more = await compareBatch(sql, runs, head, breaks)
    seen = {
      runs: seen.runs + more.runs,
      approvals: seen.approvals + more.approvals,
      effects: seen.effects + more.effects,
      anchors: seen.anchors + more.anchors,
      lastAnchor: Math.max(seen.lastAnchor, more.lastAnchor),
    }
    const last = runs.at(-1)
    if (last === undefined || runs.length < runsAtOnce || breaks.length >= mostBreaks) return seen
    after = last
  }
}

async function compareBatch(
  sql: Sql,
  runs: readonly number[],
  head: ChainedEvent | undefined,
  breaks: AuditBreak[],
): Promise<Seen> {
  const records = await recordsOf(sql, runs)
  const events = await sql.query<{ run: string; sequence: string; facts: unknown }>(
    'select run, sequence, facts from purser.audit_events where run = any($1) and facts is not null order by sequence',
    [runs],
  )
  const posts = await sql.query<{ run: string; post: unknown }>(
    `select run, post from purser.posts where run = any($1) and post ->> 'kind' = 'audit_head' order by id`,
    [runs],
  )
  const anchors = anchorsIn(posts.rows)
  breaks.push(...(await anchorBreaks(sql, anchors, head)))
  for (const run of runs) {
    const own = events.rows.filter((row) => Number(row.run) === run)
    const told = own.map(({ sequence, facts }) => ({ sequence: Number(sequence), facts }))
    breaks.push(...differencesOf(run, told, records.get(run)))
  }
  const rows = [...records.values()]
  return {
    runs: rows.length,
    approvals: rows.reduce((sum, { approvals }) => sum + approvals.length, 0),
    effects: rows.reduce((sum, { effects }) => sum + effects.length, 0),
    anchors: anchors.length,
    lastAnchor: anchors.reduce((newest, { sequence }) => Math.max(newest, sequence), 0),
  }
}
