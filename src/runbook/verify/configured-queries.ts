import type { ServiceDatabase } from '../../adapters/postgres/port.ts'
import type { ServiceConfig } from '../../config/service-schema.ts'
import { CheckFailed } from '../errors.ts'
import type { PhaseContext } from '../phase.ts'

interface ConfiguredQuery {
  /** Its place in purser.yaml. */
  readonly place: string
  readonly sql: string
}

/** Every query that purser.yaml has the service's database asked. */
function configuredQueries({ verify, monitor, stripe }: ServiceConfig): readonly ConfiguredQuery[] {
  return [
    ...verify.queries.map(({ name, sql }) => ({ place: `service.verify.queries, ${name}`, sql })),
    ...verify.invariants.map(({ name, sql }) => ({ place: `service.verify.invariants, ${name}`, sql })),
    ...monitor.metrics.map(({ name, sql }) => ({ place: `service.monitor.metrics, ${name}`, sql })),
    ...(stripe.receivedEvents === undefined
      ? []
      : [{ place: 'service.stripe.receivedEvents', sql: stripe.receivedEvents.replaceAll('{events}', "'evt_1'") }]),
  ]
}

/** Tells of each query that would be refused, with its place in purser.yaml, why. */
export async function refusedQueries(
  service: ServiceConfig,
  database: Pick<ServiceDatabase, 'whyNotReadOnly'>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const refused: string[] = []
  for (const { place, sql } of configuredQueries(service)) {
    const why = await database.whyNotReadOnly(sql, signal)
    if (why !== undefined) refused.push(`${place}: ${why}`)
  }
  return refused
}

/** Raises when a query would be refused later, in the middle of a deploy. */
export async function requireReadOnlyQueries({ service, world, signal }: PhaseContext): Promise<void> {
  const refused = await refusedQueries(service, world.database, signal)
  const [first] = refused
  if (first === undefined) return
  throw new CheckFailed('not_read_only', `looking at the queries of purser.yaml: ${first}`, {
    evidence: refused,
    hint: 'Take it out of the query, or name a role that may only read: readOnlyDatabaseUrlEnv (docs/database.md).',
  })
}
