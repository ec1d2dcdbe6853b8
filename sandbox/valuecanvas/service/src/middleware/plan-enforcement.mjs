import { log } from '../log.mjs'

const ended = `
  select from grace_periods where customer_id = $1 and resolved_at is null and expires_at <= now() limit 1`

/** A customer whose grace period has ended without a payment gets 402 instead of an answer. */
export function planEnforcement(pool) {
  log('info', 'PlanEnforcement middleware loaded')
  return async (request) => {
    const customer = request.headers['x-customer-id']
    if (customer === undefined) return undefined
    const { rowCount } = await pool.query(ended, [customer])
    return rowCount === 0 ? undefined : { status: 402, body: { error: 'the plan has ended' } }
  }
}
