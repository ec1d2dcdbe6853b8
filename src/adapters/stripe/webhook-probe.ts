import { createHash } from 'node:crypto'
import Stripe from 'stripe'
import type { Sensitive } from '../../sensitive.ts'
import { refuseLinkLocal } from '../http/addresses.ts'
import { withoutCredentials } from '../http/client.ts'
import { clockAheadMs } from '../http/clock.ts'
import { exchange, startOfBody } from '../http/request.ts'
import { type ProbeAnswer, type ProbeEvent, probeMarks, type WebhookProbe } from './port.ts'

/**
 * Speaks to a webhook URL. Raises `NoAnswer` when it gives none. Redirects are not followed: Stripe counts a 3xx as a
 * failed delivery (https://docs.stripe.com/webhooks#fix-http-status-codes). A name and a password in the URL, which Stripe supports, are
 * sent as a header, as Stripe does (https://docs.stripe.com/webhooks/process-undelivered-events).
 */
export function webhookProbe({
  timeoutMs = 10_000,
  allowLinkLocal = false,
}: { readonly timeoutMs?: number; readonly allowLinkLocal?: boolean } = {}): WebhookProbe {
  async function post(
    address: string,
    body: string,
    headers: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<ProbeAnswer> {
    const started = performance.now()
    const { url, authorization } = basicAuthentication(address)
    const init: RequestInit = {
      method: 'POST',
      redirect: 'manual',
      headers: {
        'content-type': 'application/json; charset=utf-8',
        'user-agent': probeMarks.userAgent,
        ...(authorization === undefined ? {} : { authorization }),
        ...headers,
      },
      body,
    }
    const doing = `probing ${withoutCredentials(url)}`
    if (!allowLinkLocal) await refuseLinkLocal(url, doing)
    return exchange(url, init, { doing, timeoutMs, signal }, async (response) => {
      const ahead = clockAheadMs(response.headers.get('date'))
      const location = response.headers.get('location')
      const text = await startOfBody(response, 200)
      return {
        status: response.status,
        milliseconds: Math.round(performance.now() - started),
        body: text,
        ...(ahead === undefined ? {} : { clockAheadMs: ahead }),
        ...(location === null ? {} : { location: withoutCredentials(new URL(location, url).href) }),
      }
    })
  }

  function deliver(
    url: string,
    payload: string,
    secret: Sensitive,
    signal: AbortSignal,
    marks: Readonly<Record<string, string>> = {},
  ): Promise<ProbeAnswer> {
    const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret: secret.reveal() })
    return post(url, payload, { 'stripe-signature': signature, ...marks }, signal)
  }

  return {
    signed: (url, event, secret, signal) => deliver(url, bodyOf(event), secret, signal, marksOf(event)),
    deliver: (url, body, secret, signal) => deliver(url, body, secret, signal),
    unsigned: (url, event, signal) => post(url, bodyOf(event), marksOf(event), signal),
  }
}

/** `fetch` refuses a URL with a password in it; servers want it in a header anyway. */
function basicAuthentication(address: string): { readonly url: string; readonly authorization?: string } {
  const url = new URL(address)
  if (url.username === '' && url.password === '') return { url: address }
  const login = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  url.username = ''
  url.password = ''
  return { url: url.href, authorization: `Basic ${Buffer.from(login).toString('base64')}` }
}

/** Whoever logs the id of a request writes down whose it is. */
function marksOf(event: ProbeEvent): Readonly<Record<string, string>> {
  return { 'x-request-id': idOf(event), [probeMarks.header]: event.asker }
}

/** Stripe's ids have 28 characters: `evt_1MqqbKLt4dXK03v5qaIbiNCC`. */
function idOf({ asker }: ProbeEvent): string {
  return `${probeMarks.idPrefix}${createHash('sha256').update(asker).digest('hex').slice(0, 12)}`
}

/**
 * Makes an event that is shaped as a delivery of this endpoint: its API version and mode, a type that Stripe has, an id of Stripe's form,
 * letters beyond ASCII and a length at which a proxy or a parser that changes bodies shows itself.
 */
function bodyOf(event: ProbeEvent): string {
  const { type, apiVersion, livemode } = event
  const object = type.split('.').slice(0, -1).join('.')
  const body = {
    id: idOf(event),
    object: 'event',
    api_version: apiVersion,
    created: Math.floor(Date.now() / 1000),
    data: {
      object: {
        id: `${object.split('.').at(-1)}_1PurserProbe`,
        object,
        livemode,
        metadata: { purser: 'Prüfung – a test event that changes nothing ✓', padding: '·'.repeat(1_000) },
      },
    },
    livemode,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    type,
  }
  return JSON.stringify(body, null, 2)
}
