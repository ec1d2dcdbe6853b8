import { openPool, transaction } from '../database.mjs'
import { log } from '../log.mjs'
import { apply, noteFailure } from '../services/billing/events.mjs'

const pool = openPool(process.env.DATABASE_URL)
// An event that was stored by a pod which died before applying it has no next_retry_at; it is due after a minute.
const due = `
  select event_id, attempts, payload from webhook_events e
  where not processed
    and coalesce(next_retry_at, received_at + interval '1 minute') <= now()
    and not exists (select from webhook_dead_letter_queue d where d.event_id = e.event_id)
  order by received_at limit 100`

const { rows } = await pool.query(due)
const fates = { processed: 0, waiting: 0, dead: 0 }
for (const { event_id: id, attempts, payload } of rows) {
  try {
    await transaction(pool, async (client) => {
      const { rows: locked } = await client.query(
        'select processed from webhook_events where event_id = $1 for update',
        [id],
      )
      if (!locked[0].processed) await apply(client, payload)
    })
    fates.processed += 1
  } catch (error) {
    fates[await transaction(pool, (client) => noteFailure(client, payload, attempts + 1, error))] += 1
  }
}
log('info', 'billing webhook retry finished', { due: rows.length, ...fates })
await pool.end()
