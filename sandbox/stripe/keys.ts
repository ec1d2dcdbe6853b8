import { StripeProblem } from './problems.ts'

export type Permission = 'rak_account_read' | 'rak_event_read' | 'rak_webhook_read' | 'rak_webhook_write'

export interface KeyRing {
  readonly secretKey: string
  readonly accountId: string
  /** `rk_…` keys and what they may do. */
  readonly restrictedKeys: Readonly<Record<string, readonly Permission[]>>
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
  const permissions = ring.restrictedKeys[key]
  if (!permissions) throw new StripeProblem(401, `Invalid API Key provided: ${starred(key)}`)
  const granted =
    permissions.includes(needed) || (needed === 'rak_webhook_read' && permissions.includes('rak_webhook_write'))
  if (granted) return
  const message = `The provided key '${starred(key)}' does not have the required permissions for this endpoint on account '${ring.accountId}'. Having the '${needed}' permission would allow this request to continue.`
  throw new StripeProblem(403, message)
}

function keyIn(authorization: string | undefined): string | undefined {
  const bearer = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1]
  if (bearer !== undefined) return bearer
  const basic = /^Basic (\S+)$/i.exec(authorization ?? '')?.[1]
  return basic === undefined ? undefined : Buffer.from(basic, 'base64').toString().split(':')[0] || undefined
}

function starred(key: string): string {
  const prefix = /^(?:sk|rk|pk)_(?:live|test)_/.exec(key)?.[0] ?? ''
  const secret = key.slice(prefix.length)
  return `${prefix}${'*'.repeat(Math.max(0, secret.length - 4))}${secret.slice(-4)}`
}
