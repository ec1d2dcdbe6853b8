import { createHmac, timingSafeEqual } from 'node:crypto'
import { signatureToleranceSeconds } from '../../config/billing.mjs'

/** Why the signature is not good, or undefined when it is. https://docs.stripe.com/webhooks#verify-manually */
export function signatureProblem(header, rawBody, secrets, now = Date.now() / 1000) {
  if (!header) return 'no Stripe-Signature header'
  const parts = header.split(',').map((part) => part.trim().split('='))
  const timestamp = Number(parts.find(([name]) => name === 't')?.[1])
  const given = parts.filter(([name]) => name === 'v1').map(([, value]) => Buffer.from(value ?? '', 'hex'))
  if (!Number.isInteger(timestamp) || given.length === 0) return 'malformed Stripe-Signature header'
  const matches = secrets.some((secret) => {
    const expected = createHmac('sha256', secret).update(`${timestamp}.`).update(rawBody).digest()
    return given.some((value) => value.length === expected.length && timingSafeEqual(value, expected))
  })
  if (!matches) return 'no signature matches the payload'
  if (Math.abs(now - timestamp) > signatureToleranceSeconds) return 'the timestamp is outside the tolerance'
  return undefined
}
