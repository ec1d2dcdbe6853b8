import type { Logger } from 'pino'
import { breakText, noKeyText } from '../messages/audit/audit-report.ts'
import { newestEvent, takeKey } from '../store/audit.ts'
import { verifyAudit } from '../store/audit-verification.ts'
import { type AuditRights, auditRights } from '../store/audit-rights.ts'
import type { StateDatabase } from '../store/database.ts'

const newest = 1_000

/**
 * Looks at the end of the audit, tells the log what is wrong with it, and begins to use the key. Purser starts all the same:
 * what is broken has to be looked at by people, and a deploy may be the way to mend what was done.
 */
export async function checkAudit(db: StateDatabase, instance: string, log: Logger): Promise<void> {
  if (db.auditKeys.length === 0) log.warn(noKeyText)
  for (const warning of rightsWarnings(await auditRights(db))) log.warn(warning)
  await tellBreaks(db, log)
  const taken = await db.transaction((sql) => takeKey(sql, db.auditKeys, instance))
  if (taken !== undefined)
    log.warn(taken, 'the key of the audit is used from this event on: to be expected at the first start with it only')
  const head = taken ?? (await newestEvent(db))
  if (head !== undefined) log.info({ sequence: head.sequence, hash: head.hash }, 'audit head')
}

/** Before the key is taken: the event that says so would hide that the newest one had none. */
async function tellBreaks(db: StateDatabase, log: Logger): Promise<void> {
  try {
    const { from, to, unchecked, ...seen } = await verifyAudit(db, { kind: 'newest', events: newest })
    const breaks = seen.breaks.filter((found) => !(found.kind === 'head_cut' && found.why === 'not_newest_key'))
    const [first] = breaks
    if (first !== undefined)
      log.error({ from, to, breaks: breaks.map(breakText) }, `the audit is broken: ${breakText(first)}`)
    if (unchecked > 0)
      log.error(
        { from, to, unchecked },
        "the audit has a key and PURSER_AUDIT_KEY isn't set: a verification will call forged what is written from now on",
      )
  } catch (error) {
    log.error({ err: error }, 'the audit could not be verified')
  }
}

function rightsWarnings({ owns, changes, ownsSchema }: AuditRights): readonly string[] {
  if (owns) return ["the app's role owns the audit table: it could disable the trigger (docs/audit.md)"]
  return [
    ...(changes.length === 0
      ? []
      : [`the app's role may ${changes.join(' and ')} in the audit table: revoke that (docs/audit.md)`]),
    ...(ownsSchema
      ? ["the app's role owns the schema of the audit table: it could drop the table (docs/audit.md)"]
      : []),
  ]
}
