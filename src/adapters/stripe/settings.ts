import type Stripe from 'stripe'
import type { Sensitive } from '../../sensitive.ts'
import { StripeTrouble } from './errors.ts'

/** Raises `stripe_key_malformed` for what is no secret key. */
export function modeOf(secretKey: Sensitive): 'live' | 'test' {
  const mode = /^(?:sk|rk)_(live|test)_\w+$/.exec(secretKey.reveal())?.[1]
  if (mode === 'live' || mode === 'test') return mode
  throw new StripeTrouble('stripe_key_malformed', 'reading the Stripe key: it is not a secret key', {
    hint: 'Secret keys begin with sk_live_, sk_test_, rk_live_ or rk_test_, not with whsec_ or pk_.',
  })
}

export function addressOf(apiBase: string | undefined): Pick<Stripe.StripeConfig, 'host' | 'port' | 'protocol'> {
  if (apiBase === undefined) return {}
  const base = URL.canParse(apiBase) ? new URL(apiBase) : undefined
  if (!base || !/^https?:$/.test(base.protocol)) {
    throw new StripeTrouble('stripe_request_refused', `reading the Stripe address: ${apiBase} is not an http(s) URL`, {
      hint: 'STRIPE_API_BASE looks like http://127.0.0.1:12111. Leave it unset for Stripe itself.',
    })
  }
  const protocol = base.protocol === 'http:' ? 'http' : 'https'
  return { protocol, host: base.hostname, port: base.port || (protocol === 'http' ? 80 : 443) }
}
