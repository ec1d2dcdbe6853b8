import { webhookSecrets } from '../../config/billing.mjs'
import { transaction } from '../../database.mjs'
import { log } from '../../log.mjs'
import { apply, isBillingEvent, noteFailure, receive } from './events.mjs'
import { signatureProblem } from './signature.mjs'

/** POST /api/billing/webhooks/stripe: 2xx says that the event is stored, not that its effects are done. */
export function webhookHandler({ pool, secret }) {
  const secrets = webhookSecrets(secret)
  if (secrets.length === 0) log('warn', 'billing webhook secret is not set: deliveries will be refused')

  return async (rawBody, headers) => {
    if (secrets.length === 0) return { status: 503, body: { error: 'webhook secret not configured' } }
    const problem = signatureProblem(headers['stripe-signature'], rawBody, secrets)
    if (problem) {
      log('warn', 'billing webhook refused', { reason: problem })
      return { status: 400, body: { error: problem } }
    }
    const event = parse(rawBody)
    if (!event) return { status: 400, body: { error: 'not an event' } }
    if (!isBillingEvent(event.type)) return { status: 200, body: { received: true, ignored: true } }
    return take(pool, event)
  }
}

function parse(rawBody) {
  try {
    const event = JSON.parse(rawBody)
    return typeof event?.id === 'string' && typeof event.type === 'string' ? event : undefined
  } catch {
    return undefined
  }
}

async function take(pool, event) {
  const fresh = await transaction(pool, (client) => receive(client, event))
  if (!fresh) return { status: 200, body: { received: true, duplicate: true } }
  try {
    await transaction(pool, (client) => apply(client, event))
    log('info', 'billing webhook processed', { event: event.id, type: event.type })
  } catch (error) {
    const fate = await transaction(pool, (client) => noteFailure(client, event, 1, error))
    log('warn', `billing webhook ${fate}`, { event: event.id, type: event.type, reason: error.message })
  }
  return { status: 200, body: { received: true } }
}
