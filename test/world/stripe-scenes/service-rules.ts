import { createHmac } from 'node:crypto'
import type { EdgeRule, Passing } from './edge.ts'
import type { Stage } from './stage.ts'

/*
 * Services that are other than the sandbox's, and what may stand before one. Each is a rule of the edge.
 */

/** Whether Purser sends it: a test event, or one that it posts again. */
export function isOfPurser({ headers }: Passing): boolean {
  return headers['user-agent']?.includes('Purser') === true
}

function isSigned({ headers }: Passing): boolean {
  return headers['stripe-signature'] !== undefined
}

/** Whether it is signed with the secret of one of the account's endpoints. */
function isSignedRightly({ stripe }: Stage, { headers, body }: Passing): boolean {
  const header = String(headers['stripe-signature'] ?? '')
  const time = /\bt=(\d+)/.exec(header)?.[1] ?? ''
  const given = [...header.matchAll(/\bv1=([0-9a-f]{64})/g)].map(([, value]) => value)
  return stripe.endpoints().some(({ id }) => {
    const signature = createHmac('sha256', stripe.secretOf(id) ?? '').update(`${time}.${body}`)
    return given.includes(signature.digest('hex'))
  })
}

interface EventOf {
  readonly id: string
  readonly type: string
  readonly api_version: string | null
  readonly livemode: boolean
}

/** A service that looks at signatures first, and then refuses events in which something is wrong, in these words. */
export function refusing(stage: Stage, status: number, wrong: (event: EventOf) => string | undefined): EdgeRule {
  return {
    instead: (passing) => {
      if (!isSignedRightly(stage, passing)) return undefined
      const error = wrong(JSON.parse(passing.body) as EventOf)
      return error === undefined ? undefined : { status, body: JSON.stringify({ error }) }
    },
  }
}

/** Whatever stands before the service answers so, to whom it concerns. */
export function before(concerns: (passing: Passing) => boolean, status: number, body = ''): EdgeRule {
  return { instead: (passing) => (concerns(passing) ? { status, body } : undefined) }
}

/** A load balancer that gives Purser a 502 each other time. */
export function flaky(): EdgeRule {
  let asked = 0
  return { instead: (passing) => (isOfPurser(passing) && (asked += 1) % 2 === 1 ? { status: 502 } : undefined) }
}

/** What is not signed is sent to a login; what is signed wrongly makes the service fall. */
export function oddRefusals(stage: Stage): EdgeRule {
  return {
    instead: (passing) => {
      if (!isSigned(passing)) return { status: 302, headers: { location: '/login' } }
      return isSignedRightly(stage, passing) ? undefined : { status: 500, body: '{"error":"internal error"}' }
    },
  }
}

/** A service that acknowledges whatever is not signed rightly, too. */
export function unchecking(stage: Stage): EdgeRule {
  return { instead: (passing) => (isSignedRightly(stage, passing) ? undefined : { status: 200, body: 'ok' }) }
}
