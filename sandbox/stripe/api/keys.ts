import { StripeProblem } from './problems.ts'

/** What a restricted key may be given, by the names in Stripe's refusals, and as the dashboard calls it. */
const permissions = {
  rak_account_read: ['Accounts Read', 'connected_account_read'],
  rak_event_read: ['Events Read', 'event_read'],
  /** For `POST /v1/events/:id/retry`, which is not documented: reports name this one. */
  rak_event_write: ['Events Write', 'event_write'],
  rak_webhook_read: ['Webhook Endpoints Read', 'webhook_read'],
  rak_webhook_write: ['Webhook Endpoints Write', 'webhook_write'],
  /** Assumed: no refusal for event destinations is known. */
  rak_event_destination_read: ['Event Destinations Read', 'event_destination_read'],
} as const
export type Permission = keyof typeof permissions

/** A right to write includes the one to read. https://docs.stripe.com/keys/restricted-api-keys */
const includes: Partial<Readonly<Record<Permission, Permission>>> = {
  rak_webhook_read: 'rak_webhook_write',
  rak_event_read: 'rak_event_write',
}

export interface KeyRing {
  readonly secretKey: string
  readonly accountId: string
  /** `rk_…` keys and what they may do. */
  readonly restrictedKeys: Readonly<Record<string, readonly Permission[]>>
  /** The words of a refusal: Stripe changed them in 2026, and both are met. */
  readonly refusals: 'today' | 'former'
}

/** Raises 401 for a missing or wrong key, 403 for a restricted one without the permission. */
export function admit(authorization: string | undefined, needed: Permission, ring: KeyRing): void {
  const key = keyIn(authorization)
  if (key === undefined) {
    const message =
      "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for details, or we can help at https://support.stripe.com/."
    throw new StripeProblem(401, message, { headers: { 'www-authenticate': 'Bearer realm="Stripe"' } })
  }
  if (key === ring.secretKey) return
  const granted = ring.restrictedKeys[key]
  if (!granted) throw new StripeProblem(401, `Invalid API Key provided: ${starred(key)}`)
  const wider = includes[needed]
  if (granted.includes(needed) || (wider !== undefined && granted.includes(wider))) return
  throw new StripeProblem(403, refusal(key, needed, ring))
}

/** The key of a request, however it is sent. */
export function keyIn(authorization: string | undefined): string | undefined {
  const bearer = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1]
  if (bearer !== undefined) return bearer
  const basic = /^Basic (\S+)$/i.exec(authorization ?? '')?.[1]
  return basic === undefined ? undefined : Buffer.from(basic, 'base64').toString().split(':')[0] || undefined
}

function refusal(key: string, needed: Permission, { accountId, refusals }: KeyRing): string {
  const lacks = `does not have the required permissions for this endpoint on account '${accountId}'.`
  if (refusals === 'former')
    return `The provided key '${starred(key)}' ${lacks} Having the '${needed}' permission would allow this request to continue.`
  const [label, name] = permissions[needed]
  const prefix = prefixOf(key)
  return (
    `Permission denied. The provided key '${prefix}...${key.slice(prefix.length).slice(-4)}' ${lacks} ` +
    `Enabling ${label} ('${name}') permissions on this key would allow this request to continue. ` +
    `You can edit permissions at https://dashboard.stripe.com/b/${accountId}?destination=%2Fapikeys`
  )
}

function prefixOf(key: string): string {
  return /^(?:sk|rk|pk)_(?:live|test)_/.exec(key)?.[0] ?? ''
}

function starred(key: string): string {
  const prefix = prefixOf(key)
  const secret = key.slice(prefix.length)
  return `${prefix}${'*'.repeat(Math.max(0, secret.length - 4))}${secret.slice(-4)}`
}
