import type { Finding } from '../model/finding.ts'
import { refusedQueries } from '../runbook/verify/configured-queries.ts'
import type { Outlook } from './outlook.ts'
import { lookBehind, missing, note, type Seen, works } from './look.ts'
import { counted, sizeOf } from '../text.ts'

/** Looks at the service's database: address, rights for the ledger and for backups, client tools, and every configured query. */
export function lookAtDatabase(area: string, outlook: Outlook): Promise<readonly Finding[]> {
  return lookBehind(area, (signal) => serverOf(outlook, signal), [
    (signal) => rightsOf(outlook, signal),
    (signal) => backupsOf(outlook, signal),
    (signal) => queriesOf(outlook, signal),
  ])
}

async function serverOf({ world, environment }: Outlook, signal: AbortSignal): Promise<readonly Seen[]> {
  const facts = await world.database.facts(signal)
  const { databaseUrlEnv } = environment
  return [
    works(
      `PostgreSQL ${facts.serverVersion}, database ${facts.database} (${sizeOf(facts.sizeBytes)}), as ${facts.user}.`,
    ),
    ...(facts.transactionPooled
      ? [
          missing(
            `${databaseUrlEnv} goes through a transaction-mode pooler.`,
            'Use the direct connection or the session pooler (port 5432): locks and settings do not hold otherwise.',
          ),
        ]
      : []),
    ...(facts.inRecovery
      ? [missing(`${databaseUrlEnv} names a read replica.`, 'Use the address of the primary.')]
      : []),
  ]
}

/** Which rights a version's migrations need is known with the version only: the plan asks. */
async function rightsOf({ world }: Outlook, signal: AbortSignal): Promise<readonly Seen[]> {
  const lacking = await world.database.missingRights([], signal)
  if (lacking.length === 0) return [works('The user may keep the ledger of migrations.')]
  return lacking.map(({ what, mend }) => missing(`${what}.`, `Let a superuser or the owner run \`${mend}\`.`))
}

async function backupsOf({ world }: Outlook, signal: AbortSignal): Promise<readonly Seen[]> {
  const forecast = await world.backups.forecast(signal)
  if (forecast.by === 'command')
    return [
      note(
        `Backups are made by ${forecast.program}, which was not started. Purser ${forecast.restores ? 'can' : "can't"} restore them.`,
      ),
    ]
  const { untried, leftOut, leaning, missing: lacking } = forecast
  return [
    ...lacking.map(({ what, mend }) => missing(`${what}.`, `Let a superuser or the owner run \`${mend}\`.`)),
    ...(lacking.length === 0 ? [works('The client tools fit the server, and the user may dump everything.')] : []),
    ...(untried === undefined ? [] : [note(`Backups are not restore-tested: ${untried}.`)]),
    ...leftOut.map(({ what, why, mend }) =>
      note(
        `Backups are restore-tested without ${what}: ${why}.`,
        mend === undefined ? undefined : `\`${mend}\` would change that.`,
      ),
    ),
    ...leaning.map(({ name, schema, usedBy, missing: lost }) =>
      missing(
        `A backup could not be restored: ${name} finds ${lost} only by the search_path, and ${usedBy} uses it.`,
        `Run \`alter function ${name} set search_path = ${schema}\`.`,
      ),
    ),
  ]
}

async function queriesOf({ service, world }: Outlook, signal: AbortSignal): Promise<readonly Seen[]> {
  const refused = await refusedQueries(service, world.database, signal)
  const asked = service.verify.queries.length + service.verify.invariants.length + service.monitor.metrics.length
  if (refused.length === 0)
    return asked === 0
      ? [note('purser.yaml has no queries to look at.')]
      : [works(`${counted(asked, 'query', 'queries')} of purser.yaml only read.`)]
  const mend = 'Take it out of the query, or name a role that may only read: readOnlyDatabaseUrlEnv (docs/database.md).'
  return refused.map((line) => missing(`${line}.`, mend))
}
