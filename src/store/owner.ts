import type { StateDatabase } from './database.ts'

/** The Purser whose state a schema holds. */
interface Owner {
  readonly service: string
  /** Differs from that of every other Purser. */
  readonly id: string
}

/**
 * Tells whose state this is; a state that is nobody's becomes that of this service. One from before this was written down
 * is that of the service of its newest run.
 */
export async function ownerOf(db: StateDatabase, service: string): Promise<Owner> {
  return db.transaction(async (sql) => {
    await sql.query(
      `insert into purser.owner (service)
       select coalesce((select service from purser.runs order by number desc limit 1), $1) on conflict do nothing`,
      [service],
    )
    const { rows } = await sql.query<Owner>('select service, id from purser.owner')
    const [owner] = rows
    if (owner === undefined) throw new Error('the state database has no owner')
    return owner
  })
}
