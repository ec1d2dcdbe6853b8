import { ConfigError } from '../config/config-error.ts'
import type { StateDatabase } from '../store/database.ts'
import { ownerOf } from '../store/owner.ts'

/**
 * The name that this Purser's queues have to themselves. Raises ConfigError when the state is another service's: its runs
 * would be carried out on this one's deployment and database.
 */
export async function queuesOwner(db: StateDatabase, service: string): Promise<string> {
  const owner = await ownerOf(db, service)
  if (owner.service !== service)
    throw new ConfigError(
      'the state database',
      [
        `holds the state of the service ${owner.service} (schema ${db.schema}), and purser.yaml is about ${service}: ` +
          'each would carry out the runs of the other',
      ],
      `Give ${service} a database of its own, or a schema: STATE_DATABASE_SCHEMA=purser_${service.replaceAll(/\W/g, '_')}. ` +
        `If the service was renamed: update ${db.schema}.owner set service = '${service}'`,
    )
  return `purser-${service}-${owner.id.slice(0, 8)}`
}
