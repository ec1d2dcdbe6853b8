import type { Logger } from 'pino'
import { ConfigError } from '../config/config-error.ts'
import type { PurserConfig } from '../config/purser-yaml.ts'
import { PurserError } from '../errors.ts'
import { refusedQueries } from '../runbook/verify/configured-queries.ts'
import type { World } from '../runbook/world.ts'

const limitMs = 15_000

/**
 * Raises when a query of purser.yaml could change something in the database of an environment. A database that cannot be asked keeps
 * nobody from starting: each plan looks again, and so does each query.
 */
export async function refuseWritingQueries(
  { service, environments }: PurserConfig,
  worldOf: (environment: string) => Pick<World, 'database'>,
  log: Logger,
): Promise<void> {
  const problems = await Promise.all(
    Object.keys(environments).map(async (environment): Promise<readonly string[]> => {
      try {
        const refused = await refusedQueries(service, worldOf(environment).database, AbortSignal.timeout(limitMs))
        return refused.map((line) => `${line} (${environment})`)
      } catch (error) {
        if (!(error instanceof PurserError) && !(error instanceof DOMException)) throw error
        log.warn(
          { err: error, environment },
          'the queries of purser.yaml could not be looked at: each plan looks again',
        )
        return []
      }
    }),
  )
  if (problems.flat().length === 0) return
  throw new ConfigError(
    'the queries of purser.yaml',
    problems.flat(),
    'Take it out of the query, or name a role that may only read: readOnlyDatabaseUrlEnv (docs/database.md).',
  )
}
