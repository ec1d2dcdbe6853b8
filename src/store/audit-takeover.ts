import { type AuditKeys, chainBegun, type NewAuditEvent } from '../model/audit-chain.ts'
import { append, lockHead } from './audit.ts'
import { recordsOf, runsAfter } from './audit-records.ts'
import type { Sql } from './database.ts'

const batch = 200

/**
 * Begins the chain in its present format: once in the life of a database, in the transaction of the migration. The first
 * event binds the newest one of the former format by its hash and says how many there were. Each run that there is gets
 * an event with its approvals and effects as they are found, because no event before has told them.
 */
export async function beginChain(sql: Sql, keys: AuditKeys): Promise<void> {
  const former = await lockHead(sql)
  const who = { actor: 'purser', source: 'migration' }
  const text =
    former === undefined
      ? 'the first event'
      : `takes over ${former.sequence} events of the previous format, the newest with hash ${former.hash}`
  const facts = { former: former === undefined ? null : { sequence: former.sequence, hash: former.hash } }
  let head = await append(sql, keys, former, [{ run: undefined, ...who, kind: chainBegun, text, facts }])
  for (let after = 0; ;) {
    const runs = await runsAfter(sql, after, batch)
    const records = await recordsOf(sql, runs)
    const events = runs.flatMap((run): NewAuditEvent[] => {
      const found = records.get(run)
      if (found === undefined) return []
      return [{ run, ...who, kind: 'found', text: 'as it was when the chain was taken over', facts: found }]
    })
    if (events.length > 0) head = await append(sql, keys, head, events)
    const last = runs.at(-1)
    if (last === undefined || runs.length < batch) return
    after = last
  }
}
