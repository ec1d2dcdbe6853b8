import type { ServiceDatabase } from '../adapters/postgres/port.ts'
import type { Finding } from '../model/finding.ts'
import { type StateSchema, stateSchema } from '../store/state-schema.ts'
import type { Sql } from '../store/database.ts'
import { look, missing, note, type Seen, works } from './look.ts'

interface StateParts {
  /** The state database as any PostgreSQL database is looked at. */
  readonly database: Pick<ServiceDatabase, 'facts'>
  readonly sql: Sql
  /** The service that purser.yaml is about. */
  readonly service: string
}

/** Looks at Purser's own database: its address, and whether its tables are those of this program. Changes nothing. */
export async function lookAtStateDatabase(parts: StateParts): Promise<readonly Finding[]> {
  return look('state database', async (signal) => {
    const facts = await parts.database.facts(signal)
    const schema = await stateSchema(parts.sql)
    return [
      works(`PostgreSQL ${facts.serverVersion}, database ${facts.database}, as ${facts.user}.`),
      ...(facts.transactionPooled
        ? [
            missing(
              'STATE_DATABASE_URL goes through a transaction-mode pooler.',
              'Use the direct connection or the session pooler (port 5432).',
            ),
          ]
        : []),
      ...(facts.inRecovery
        ? [missing('STATE_DATABASE_URL names a read replica.', 'Use the address of the primary.')]
        : []),
      ...schemaSeen(schema),
      ...ownerSeen(schema, parts.service),
    ]
  })
}

/** Judges those facts. Pure. */
function schemaSeen({ applied, known, mayCreate, user }: StateSchema): readonly Seen[] {
  if (applied > known)
    return [
      missing(
        `Its tables are at ${applied}, and this Purser knows ${known}.`,
        'Start the newer Purser that made them.',
      ),
    ]
  if (applied === known) return [works(`Its tables are at ${applied}, as this Purser wants them.`)]
  if (applied > 0) return [note(`Its tables are at ${applied}, and the start brings them to ${known}.`)]
  return mayCreate
    ? [note('It has no tables of Purser yet. The start makes them.')]
    : [missing(`${user} can't create schemas in it.`, `Let its owner run \`grant create on database … to ${user}\`.`)]
}

function ownerSeen({ service: owner }: StateSchema, service: string): readonly Seen[] {
  if (owner === undefined || owner === service) return []
  return [
    missing(
      `It holds the state of the service ${owner}, and purser.yaml is about ${service}.`,
      `Give ${service} a database of its own, or a schema by STATE_DATABASE_SCHEMA.`,
    ),
  ]
}
