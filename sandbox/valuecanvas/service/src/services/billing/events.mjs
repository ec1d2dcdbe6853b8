import { gracePeriodDays, maxAttempts, retryDelayMinutes } from '../../config/billing.mjs'

const handled = /^(invoice|customer\.subscription|charge)\./

export const isBillingEvent = (type) => handled.test(type)

/** What no repetition can mend: the event goes to the dead letter queue. */
export class PermanentFailure extends Error {}

/** Stores an event; false when it was stored before (Stripe delivers at least once). */
export async function receive(client, event) {
  const { rowCount } = await client.query(
    `insert into webhook_events (event_id, type, payload) values ($1, $2, $3) on conflict (event_id) do nothing`,
    [event.id, event.type, event],
  )
  return rowCount === 1
}

/** Applies a stored event. Throws what its effects throw; the caller's transaction decides what remains. */
export async function apply(client, event) {
  const object = event.data?.object
  if (!object || typeof object !== 'object') throw new PermanentFailure('the event carries no object')
  if (event.type === 'invoice.payment_failed') await startGracePeriod(client, object)
  if (event.type === 'invoice.paid' || event.type === 'invoice.payment_succeeded') await endGracePeriod(client, object)
  await client.query(`insert into billing_audit_log (event_id, action, customer_id, detail) values ($1, $2, $3, $4)`, [
    event.id,
    event.type,
    object.customer ?? null,
    { object: object.id ?? null, amount: object.amount_due ?? null },
  ])
  await client.query(`update webhook_events set processed = true, processed_at = now() where event_id = $1`, [event.id])
}

async function startGracePeriod(client, invoice) {
  if (!invoice.customer) throw new PermanentFailure('a failed payment without a customer')
  await client.query(
    `insert into grace_periods (customer_id, invoice_id, expires_at) values ($1, $2, now() + make_interval(days => $3))
     on conflict (invoice_id) do nothing`,
    [invoice.customer, invoice.id, gracePeriodDays],
  )
}

async function endGracePeriod(client, invoice) {
  await client.query(`update grace_periods set resolved_at = now() where invoice_id = $1 and resolved_at is null`, [
    invoice.id,
  ])
}

/** Notes that applying failed: the event waits for the retry job, or is dead. Says which. */
export async function noteFailure(client, event, attempt, error) {
  const dead = error instanceof PermanentFailure || attempt >= maxAttempts
  await client.query(
    `update webhook_events set attempts = $2, last_error = $3,
       next_retry_at = case when $4 then null else now() + make_interval(mins => $5) end
     where event_id = $1`,
    [event.id, attempt, error.message, dead, retryDelayMinutes(attempt)],
  )
  if (dead) {
    await client.query(
      `insert into webhook_dead_letter_queue (event_id, type, payload, error, attempts) values ($1, $2, $3, $4, $5)
       on conflict (event_id) do nothing`,
      [event.id, event.type, event, error.message, attempt],
    )
  }
  return dead ? 'dead' : 'waiting'
}
