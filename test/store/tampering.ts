import type { AuditKeys, ChainedEvent, NewAuditEvent } from '../../src/model/audit-chain.ts'
import { append, auditEvents } from '../../src/store/audit.ts'
import type { TestStores } from './stores.ts'

/** What somebody does who has all rights on the database, and not the key. */

/** Runs SQL past the trigger; the answer puts every table of the record back as it was. */
export async function tampered(stores: TestStores, sql: string): Promise<() => Promise<void>> {
  const tables = ['posts', 'effects', 'approvals', 'audit_events']
  await stores.pool.query('drop schema if exists kept cascade; create schema kept')
  for (const table of tables) await stores.pool.query(`create table kept.${table} as table purser.${table}`)
  await withoutTrigger(stores, () => stores.pool.query(sql))
  return () =>
    withoutTrigger(stores, async () => {
      for (const table of tables) {
        const overriding = table === 'audit_events' || table === 'approvals' ? '' : 'overriding system value'
        await stores.pool.query(
          `delete from purser.${table}; insert into purser.${table} ${overriding} select * from kept.${table}`,
        )
      }
    })
}

export async function withoutTrigger(stores: TestStores, act: () => Promise<unknown>): Promise<void> {
  await stores.pool.query('alter table purser.audit_events disable trigger audit_append_only')
  await act()
  await stores.pool.query('alter table purser.audit_events enable trigger audit_append_only')
}

/** Writes the chain anew from one event on, with hashes that fit each other, as far as somebody can without the key. */
export async function rewritten(
  stores: TestStores,
  from: number,
  change: (event: ChainedEvent) => Partial<NewAuditEvent>,
  keys: AuditKeys,
): Promise<void> {
  const events = await auditEvents(stores.db)
  const before = events.findLast(({ sequence }) => sequence < from)
  const anew = events
    .filter(({ sequence }) => sequence >= from)
    .map((event): NewAuditEvent => {
      const { run, actor, source, kind, text, facts } = { ...event, ...change(event) }
      return {
        run,
        actor,
        source,
        kind,
        text,
        ...(typeof facts === 'object' && facts !== null ? { facts } : {}),
      }
    })
  await withoutTrigger(stores, () => stores.pool.query('delete from purser.audit_events where sequence >= $1', [from]))
  await append(stores.db, keys, before, anew)
}
